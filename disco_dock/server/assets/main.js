// The page of disco-dock serve: it fills a form, sends it, and shows the jobs that the server tells of.
import "./theme.js";
import "./files.js";
import "./protein.js";
import "./ligand.js";
import "./pocket.js";
import "./submit.js";
import "./example.js";
import { look } from "./jobs.js";

look();
