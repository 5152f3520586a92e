import { resolve } from "node:path";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const pages = ["signin", "operator", "supervisor", "wall", "admin"];

/** `npm run dev`: the pages with a pretended house behind them, at the addresses that the server has. */
function pretendedHouse(): Plugin {
  return {
    name: "pretended-house",
    apply: "serve",
    async configureServer(server) {
      if (process.env.VITEST) return;
      const { House } = (await server.ssrLoadModule("/mock/house.ts")) as typeof import("./mock/house.ts");
      const house = new House();
      house.live();
      server.middlewares.use((request, response, next) => {
        const path = (request.url ?? "/").split("?")[0] ?? "/";
        if (house.answer(request, response)) return;
        const page = path === "/" ? "signin" : path.slice(1);
        if (pages.includes(page)) request.url = `/${page}.html`;
        next();
      });
      server.httpServer?.on("upgrade", (request, socket) => {
        if (request.url?.startsWith("/sip")) house.phones.upgrade(request, socket);
      });
    },
  };
}

export default defineConfig({
  plugins: [pretendedHouse()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries(pages.map((page) => [page, resolve(import.meta.dirname, `${page}.html`)])),
    },
  },
  test: { include: ["test/**/*.test.ts"] },
});
