// Charts. The page that draws one links `uplot.css` beside it and shows the same numbers in a table.
export { default } from "uplot";
