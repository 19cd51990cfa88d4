// The package's index loads a driver for every database. These are the two files that are needed.
declare module "rate-limiter-flexible/lib/RateLimiterMemory.js" {
  const limiter: typeof import("rate-limiter-flexible").RateLimiterMemory;
  export default limiter;
}
declare module "rate-limiter-flexible/lib/RateLimiterRes.js" {
  const result: typeof import("rate-limiter-flexible").RateLimiterRes;
  export default result;
}
