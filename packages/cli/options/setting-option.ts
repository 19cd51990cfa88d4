import { type Setting, type SettingTable, settingsOf } from "@cairn/api/settings/setting.ts";
import { Option } from "commander";
import { integerBetween } from "./integer.ts";

/** The options of an entry point of the command line, in the order of the table. Their values have the settings' keys. */
export function settingOptions(table: SettingTable, entry: "cairn" | "serve"): readonly Option[] {
  return settingsOf(table, entry).map(([key, setting]) => {
    const option = new SettingOption(key, setting);
    // Global options are parsed by parseConfig, for which an empty variable counts as unset.
    const { type } = setting;
    return entry === "serve" && type.kind === "integer" ? option.argParser(integerBetween(type.min, type.max)) : option;
  });
}

class SettingOption extends Option {
  readonly key: string;

  constructor(key: string, setting: Setting) {
    super(setting.flag ?? "", describe(setting));
    this.key = key;
    if (setting.variable) this.env(setting.variable);
    if (setting.type.kind !== "boolean") this.default(setting.default);
    if (setting.type.kind !== "choice") return;
    this.choices(setting.type.values);
    const parseChoice = this.parseArg;
    // An empty variable counts as unset, as it does for other settings.
    this.argParser((value, previous) => (value === "" ? setting.default : parseChoice?.(value, previous)));
  }

  override attributeName(): string {
    return this.key;
  }
}

/** The description in the help, with the remark and the default that commander does not know. */
function describe({ description, remark, defaultText }: Setting): string {
  return [description, remark && `(${remark})`, defaultText && `(default: ${defaultText})`].filter(Boolean).join(" ");
}
