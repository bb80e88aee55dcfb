package chart

// The palette of Okabe and Ito, and the greys.
const (
	Blue    = "#0072B2"
	Orange  = "#E69F00"
	Green   = "#009E73"
	Red     = "#D55E00"
	Purple  = "#CC79A7"
	Sky     = "#56B4E9"
	Ink     = "#222222"
	Grey    = "#767676"
	Pale    = "#D9D9D9"
	Surface = "#FFFFFF"
)

// Palette is for classes without order, the best told apart first.
var Palette = []string{Blue, Red, Green, Purple, Orange, Sky, "#4D4D4D"}

// Dark is the palette for words: 4.5:1 or more against white, as WCAG 2.2 asks of text.
var Dark = []string{"#005280", "#994300", "#007152", "#925778", "#7A5500", "#2F6685", "#3A3A3A"}

// Dashes are the strokes that tell lines apart where colours do not.
var Dashes = []string{"solid", "dashed", "dotted"}

// Stages colours the six stages of a verdict: dark to light to solid, so that their
// order shows in grey too.
var Stages = []string{"#4D4D4D", "#999999", "#D8D0C4", "#F1C27D", "#8CBBDD", Blue}

// Sequential runs from little to much, light enough for dark words on it.
var Sequential = []string{"#FFFFFF", "#C6DBEF", "#6BAED6"}

// Family is the type of all words.
const Family = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"

// Mono is the type of programs.
const Mono = "'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace"

// The sizes of words in CSS pixels: 8.25 pt and 7.5 pt in print, the least that
// journals accept.
const (
	TextSize  = 11
	SmallSize = 10
)

// The widths that figures are laid out for, in CSS pixels: one column of a paper in
// two columns (3.33 inch), and its whole page (7 inch).
const (
	Column = 320
	Page   = 672
)

// style gives a figure the common look; what the figure says itself wins.
func style(o Object) {
	o["animation"] = false
	o["color"] = Palette
	put(o, "backgroundColor", Surface)
	put(o, "textStyle", Object{"fontFamily": Family, "fontSize": TextSize, "color": Ink})
	delete(o, "toolbox")
	Each(o, "title", func(_ int, t Object) {
		put(t, "left", 4)
		put(t, "top", 4)
		put(t, "padding", 0)
		put(t, "itemGap", 3)
		put(t, "textStyle", Object{"fontSize": TextSize + 1, "lineHeight": TextSize + 4, "fontWeight": "bold", "color": Ink})
		put(t, "subtextStyle", Object{"fontSize": SmallSize, "lineHeight": SmallSize + 4, "color": Grey})
	})
	Each(o, "legend", func(_ int, l Object) {
		put(l, "itemWidth", 18)
		put(l, "itemHeight", 8)
		put(l, "itemGap", 10)
		put(l, "textStyle", Object{"fontSize": SmallSize, "lineHeight": SmallSize + 4, "color": Ink})
	})
	Each(o, "series", func(_ int, s Object) {
		if label, ok := s["label"].(Object); ok {
			put(label, "lineHeight", TextSize+3)
		}
	})
	Each(o, "xAxis", func(_ int, a Object) { axis(a, true, 24) })
	Each(o, "yAxis", func(_ int, a Object) { axis(a, false, 34) })
}

func axis(a Object, horizontal bool, gap int) {
	put(a, "axisLabel", Object{})
	if label, ok := a["axisLabel"].(Object); ok {
		put(label, "fontSize", SmallSize)
		put(label, "lineHeight", SmallSize+2)
		put(label, "color", Ink)
	}
	put(a, "nameTextStyle", Object{"fontSize": SmallSize, "lineHeight": SmallSize + 2, "color": Ink})
	put(a, "axisLine", Object{"show": true, "lineStyle": Object{"color": Grey, "width": 1}})
	put(a, "axisTick", Object{"show": horizontal, "lineStyle": Object{"color": Grey}})
	put(a, "splitLine", Object{"show": a["type"] == "value", "lineStyle": Object{"color": "#EEEEEE"}})
	put(a, "nameLocation", "middle")
	put(a, "nameGap", gap)
}

// put sets m[k] unless the figure has.
func put(m Object, k string, v any) {
	if _, ok := m[k]; !ok {
		m[k] = v
	}
}
