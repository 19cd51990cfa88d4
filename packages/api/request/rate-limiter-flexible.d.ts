// The package's index loads its driver for every database; these are the two files that are needed of it.
declare module "rate-limiter-flexible/lib/RateLimiterMemory.js" {
  const limiter: typeof import("rate-limiter-flexible").RateLimiterMemory;
  export default limiter;
}
declare module "rate-limiter-flexible/lib/RateLimiterRes.js" {
  const result: typeof import("rate-limiter-flexible").RateLimiterRes;
  export default result;
}
