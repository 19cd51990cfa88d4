import { gatewayHandler } from "../gateway-handler.ts";
import { lazyApp } from "../lazy-app.ts";

/** The API behind API Gateway. */
export const handler = gatewayHandler(lazyApp(4_000));
