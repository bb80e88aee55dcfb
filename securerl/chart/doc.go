// Package chart holds the one definition of a picture: a go-echarts chart, its size,
// its title, caption and alternative text, and the table of the numbers it shows.
//
//	go-echarts chart --Option--> style --> Patch --> ECharts option --Script--> JavaScript
//	Columns, Rows ----CSV------> the same numbers as a table, formulas disarmed
//
//	Plot, Layout, axes, Custom, Legend: the pieces that figures are laid out with
//	Figure.Fit: the same figure for a column (320 px) or a page (672 px)
//
// Package chart/ssr draws the script as SVG; a page with ECharts can run the same
// script. So paper, report and notebook show one picture.
//
// # Why so
//
// go-echarts gives a typed option; Patch has the last word on what its types cannot
// say. Only values of type JS become JavaScript, and only Go code can make those:
// texts, whoever wrote them, are quoted and made visible first (Visible).
//
// The look is the same for all: the palette of Okabe and Ito, whose colours people
// with colour blindness tell apart; darker twins for words, since the colours
// themselves are too pale to read; a white card, so that a dark page changes nothing.
// In grey print the colours cannot be told apart, so no figure relies on colour
// alone. Heights of lines are said everywhere, because ECharts measures them by a
// Chinese letter that few machines have.
//
// # Sources
//
// Okabe and Ito, "Color Universal Design" (2008). ECharts option reference,
// version 6.
package chart
