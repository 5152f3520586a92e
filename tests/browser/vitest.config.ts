import { defineConfig } from "vitest/config";

// One browser after the other: each has phones, and two cores carry them.
export default defineConfig({
  test: {
    include: ["*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["verbose"],
  },
});
