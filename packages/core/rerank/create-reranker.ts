import { AppError } from "../error.ts";
import { OPTION_NAMES, type RerankerOptions } from "./rerank-options.ts";
import type { Reranker } from "./reranker.ts";

/**
 * A rerank server. The code that calls it is loaded with the first call. Throws `invalid_input` if the format has no
 * provider and no address is given.
 */
export function createReranker(options: RerankerOptions): Reranker {
  const { format, url, model, timeout = 2_000, names = OPTION_NAMES } = options;
  if (format === "tei" && url === undefined)
    throw new AppError("invalid_input", `A rerank server of the format tei needs an address. Set ${names.url}.`, {
      path: names.url,
    });
  let loading: Promise<Reranker["rerank"]> | undefined;
  return {
    model: model ?? (format === "tei" ? "tei" : undefined),
    timeout,
    modelSetting: names.model,
    async rerank(call) {
      loading ??= import("./call-reranker.ts").then(({ createRerankCall }) => createRerankCall(options));
      return (await loading)(call);
    },
  };
}
