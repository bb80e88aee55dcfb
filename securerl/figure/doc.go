// Package figure turns the numbers of a run into pictures: one function per picture,
// plain data in, a chart.Figure out.
//
//	[]runlog.Point --Curves, Stages, Components, Dynamics, Collapse--> chart.Figure
//	[]Rate         --Results, Plane, Weaknesses----------------------> chart.Figure
//	counts         --Quadrants, Flow, Failures-----------------------> chart.Figure
//	differences    --Forest; means per problem --Scored, Pareto------> chart.Figure
//	prices         --Ladder------------------------------------------> chart.Figure
//	record.Row     --CreditMap---------------------------------------> SVG and HTML, in layers
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
// All are laid out for the page (672 px); Fit lays them out for a column of a paper
// (320 px), with words of the same size: panels stand below each other, legends break,
// columns of tables are named upright. Words are at least 10 px, but for the digits
// inside marks, which the legend repeats.
//
// A credit map has a layer each for advantages, rewards, the log-ratio to the
// reference and the scanner's findings. Its page switches them by radio buttons and a
// style sheet; the first layer is written into the text itself, so that a viewer that
// strips both, as notebooks that are not trusted do, still shows it.
//
// Names of policies and programs are texts from elsewhere. They are shortened, and
// package chart escapes them.
//
// # Sources
//
// The ellipses of Pareto are those of a bivariate normal mean: its covariance over
// problems, and the 95 % quantile 5.991 of the chi-square distribution with two
// degrees of freedom (Johnson and Wichern, Applied Multivariate Statistical Analysis,
// section 5.4).
package figure
