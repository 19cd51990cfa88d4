import type { Target } from "./target.ts";

export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [number, number])[];
  }[];
}

export interface Axis {
  readonly label: string;
  readonly log?: boolean;
}

export type Cell = string | number;

export interface Section {
  readonly bench: string;
  readonly title: string;
  readonly table: readonly Readonly<Record<string, Cell | undefined>>[];
  readonly targets?: readonly Target[];
  readonly plots?: readonly Plot[];
  readonly note?: string;
  /** Query plans, printed unchanged. */
  readonly profiles?: readonly { readonly title: string; readonly lines: readonly string[] }[];
}

export interface SavedSection extends Section {
  readonly size: number;
  readonly machine: string;
  readonly at: string;
}
