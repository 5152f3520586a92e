// Ports for the houses of a run, below those that the system gives out, so that between looking and using nobody else
// takes them. PORTS and SOUND are the first of the stretches that the run has to itself, as tests/e2e/ports.rs gives
// them; a run by hand has some by the number of its process.

import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Of each stretch. */
const COUNT = 96;

const [own, sound] = [process.env.PORTS, process.env.SOUND];
const by = process.pid % 14;
const first = own === undefined ? 29_700 + by * COUNT : Number(own);
/** Where the houses of this run have their sound. */
export const SOUND = sound === undefined ? 31_050 + by * COUNT : Number(sound);
export const LAST_SOUND = SOUND + COUNT - 1;

let given = 0;

/** A port that is free, for datagrams and connections. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = first + (given++ % COUNT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port is free from ${first} to ${first + COUNT - 1}`);
}

async function isFree(port: number): Promise<boolean> {
  const [datagrams, connections] = [createSocket("udp4"), createServer()];
  try {
    await Promise.all([
      new Promise<void>((done, failed) => datagrams.once("error", failed).bind(port, "127.0.0.1", done)),
      new Promise<void>((done, failed) => connections.once("error", failed).listen(port, "127.0.0.1", done)),
    ]);
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all([
      new Promise<void>((done) => datagrams.close(() => done())),
      new Promise<void>((done) => connections.close(() => done())),
    ]);
  }
}
