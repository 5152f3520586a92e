// A cable between a page and the house, which can be pulled: what is connected over it is gone, what is said then is not
// heard, and sound goes beside it.

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Cable {
  private readonly sockets = new Set<Socket>();
  private pulled = false;

  private constructor(private readonly server: Server) {}

  static async to(house: string): Promise<Cable> {
    const { hostname, port } = new URL(house);
    const server = createServer();
    const cable = new Cable(server);
    server.on("connection", (near) => {
      const far = connect(Number(port), hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        cable.sockets.add(one);
        one.on("data", (bytes) => cable.pulled || other.write(bytes));
        one.on("error", () => {});
        one.on("close", () => {
          cable.sockets.delete(one);
          if (!cable.pulled) other.destroy();
        });
      }
      if (cable.pulled) near.destroy();
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return cable;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** For so many milliseconds. */
  async pull(ms: number): Promise<void> {
    this.pulled = true;
    for (const socket of this.sockets) socket.destroy();
    await new Promise((done) => setTimeout(done, ms));
    this.pulled = false;
  }

  close(): void {
    this.pulled = true;
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}
