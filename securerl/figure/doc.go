// Package figure turns the numbers of a run into pictures: one function per picture,
// plain data in, a chart.Figure out.
//
//	[]runlog.Point --Curves, Stages, Components, Dynamics, Collapse--> chart.Figure
//	[]Rate         --Results, Plane----------------------------------> chart.Figure
//	prices         --Ladder------------------------------------------> chart.Figure
//	record.Row     --CreditMap---------------------------------------> SVG and HTML
//
// Every figure carries the numbers it shows (Columns, Rows), a caption that says how
// many and how computed, and a sentence for readers who cannot see it. Captions are
// computed from the numbers by rules that they state: Collapse says so when nothing
// collapsed. Figures without data say "no data" and are drawn all the same.
//
// Lines are told apart by colour and by stroke, and named at their ends or in a
// legend; stages run from dark to solid; credit shows as a tint and as a bar, solid
// for encouraged and broken for discouraged. So all of it survives grey print and
// colour blindness.
//
// Names of policies and programs are texts from elsewhere. They are shortened, and
// package chart escapes them.
package figure
