import "../styles/main.css";
import { render } from "preact";
import { restoreSession } from "../request/session.ts";
import { App } from "./app.tsx";

restoreSession();
render(<App />, document.getElementById("app") as HTMLElement);
