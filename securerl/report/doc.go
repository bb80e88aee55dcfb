// Package report writes what a run came to: report.md, and report.html, one file that
// opens without a network.
//
//	Input --Markdown--------------> report.md, with pictures beside it
//	Input --HTML------------------> report.html, pictures inside
//	[]chart.Figure --WriteFigures-> NAME.svg, NAME.csv, NAME.txt (caption, SHA-256)
//
// The caller fills Input with numbers that others computed and sentences that they
// allow; nothing is computed here. The page says what is claimed, then shows tables,
// figures and programs, then what every metric means, what the run was made with, and
// what it does not show.
//
// # Hostile text
//
// Programs, problem texts and names come from models and data sets. Three walls stand
// between them and the reader. Letters that are not seen or that act (controls, marks
// of direction, no width) are written out by chart.Visible. The page is made by
// html/template, pictures are images and not part of the document, and a content
// security policy forbids scripts, and loading anything. In Markdown, code stands in a
// fence longer than any run of backticks in it, and other text has its marks escaped.
// Terminal does the same for one line on a terminal.
//
// # Sources
//
// Content Security Policy Level 3 (W3C); CommonMark 0.31.2, sections 2.4 and 4.5.
package report
