/** A target with the measured value. */
export interface Target {
  readonly what: string;
  readonly value: number;
  readonly target: number;
  readonly better: "higher" | "lower";
  /** Usual value in a quick run, for ratios. A quick run fails if the value is less than half as good. */
  readonly usual?: number;
  /** Limit beyond which a quick run fails, instead of `usual`: for recall, and for figures that depend on the machine. */
  readonly floor?: number;
}

export function isMet({ value, target, better }: Pick<Target, "value" | "target" | "better">): boolean {
  return better === "higher" ? value >= target : value <= target;
}

/** The targets that make a quick run fail. */
export function belowFloor(targets: readonly Target[]): readonly Target[] {
  return targets.filter((target) => {
    const floor = floorOf(target);
    return floor !== undefined && !isMet({ ...target, target: floor });
  });
}

/** The worst value with which a quick run passes. */
export function floorOf({ usual, floor, better }: Target): number | undefined {
  if (floor !== undefined || usual === undefined) return floor;
  return better === "higher" ? usual / 2 : usual * 2;
}
