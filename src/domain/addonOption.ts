/** Settings of addons, described once: defaults, checks, and the API's input and output all follow from these descriptions. */

export interface YesNo {
  kind: 'yesNo';
  default: boolean;
  description: string;
}

export interface Whole {
  kind: 'whole';
  default: number;
  least: number;
  most: number;
  description: string;
}

export interface Choice<Value extends string = string> {
  kind: 'choice';
  default: Value;
  /** Each value with a sentence. */
  values: Readonly<Record<Value, string>>;
  description: string;
}

export type Option = YesNo | Whole | Choice;
export type Options = Readonly<Record<string, Option>>;
export type ValuesOf<O extends Options> = { -readonly [K in keyof O]: O[K] extends Choice<infer Value> ? Value : O[K]['default'] };

export const yesNo = (byDefault: boolean, description: string): YesNo => ({ kind: 'yesNo', default: byDefault, description });

export const whole = (least: number, most: number, byDefault: number, description: string): Whole => ({
  kind: 'whole',
  default: byDefault,
  least,
  most,
  description: `${description} From ${least} to ${most}.`,
});

export const choice = <Value extends string>(
  values: Readonly<Record<Value, string>>,
  byDefault: NoInfer<Value>,
  description: string,
): Choice<Value> => ({ kind: 'choice', default: byDefault, values, description });
