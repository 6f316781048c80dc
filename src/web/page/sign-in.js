import { startPage } from "./shell.js";

startPage({ en: {}, zh: {} }, () => {});
