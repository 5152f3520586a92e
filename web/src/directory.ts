// Who and what there is, asked once and again when the files change: names follow the language of the page.

import { get } from "./api";
import { called, reasonNames } from "./language";
import type { Directory, Names } from "./words";

/** Its name is looked up whenever it is read. */
const naming = <T extends { id: string; name: string; names?: Names }>(thing: T): T => ({
  ...thing,
  get name() {
    return called(thing);
  },
});

export async function askDirectory(): Promise<Directory> {
  const answer = await get<Directory>("/directory");
  reasonNames.value = answer.reason_names ?? {};
  return { ...answer, queues: answer.queues.map(naming), emergencies: answer.emergencies.map(naming) };
}
