import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

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
        // Every other address without a dot is a page, and all pages are one file: Vite serves it by itself.
        if (!house.answer(request, response)) next();
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
  },
  // A machine that does other things beside it is slow.
  test: { include: ["test/**/*.test.ts"], testTimeout: 30_000 },
});
