// The built pages with the pretended house of `web/mock/` behind them, on a port of their own.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { House } from "../../web/mock/house.ts";

const DIST = join(dirname(fileURLToPath(import.meta.url)), "../../web/dist");
const KINDS: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
/** As the server sends it. */
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; " +
  "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

export async function pretended(): Promise<{ house: House; url: string; close: () => Promise<void> }> {
  if (!existsSync(join(DIST, "index.html"))) throw new Error("the pages are not built: npm --prefix web run build");
  const house = new House();
  const server = createServer((request, response) => {
    if (house.answer(request, response)) return;
    const path = normalize(new URL(request.url ?? "/", "http://mock").pathname);
    const file = join(DIST, extname(path) ? path : "index.html");
    if (!existsSync(file)) {
      response.statusCode = 404;
      response.end();
      return;
    }
    response.setHeader("Content-Type", KINDS[extname(file)] ?? "application/octet-stream");
    response.setHeader("Content-Security-Policy", POLICY);
    createReadStream(file).pipe(response);
  });
  server.on("upgrade", (request, socket) => house.phones.upgrade(request, socket));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  return {
    house,
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((done) => {
        house.close();
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
