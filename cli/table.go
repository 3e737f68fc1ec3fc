package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cell is a word of a table.
type cell struct {
	text  string
	style style
}

func cellOf(text string) cell          { return cell{text: safe(text)} }
func styled(s style, text string) cell { return cell{text: safe(text), style: s} }

// table is text in columns, the first row being their names.
type table struct{ rows [][]cell }

func newTable(names ...string) *table {
	t := &table{}
	var head []cell
	for _, name := range names {
		head = append(head, styled(strong, name))
	}
	t.rows = append(t.rows, head)
	return t
}

func (t *table) row(cells ...cell) { t.rows = append(t.rows, cells) }

// print writes the table with every line indented. Columns are padded with spaces, the last one is not.
func (t *table) print(p *printer, indent string) {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range t.rows {
		var b strings.Builder
		b.WriteString(indent)
		for i, c := range row {
			b.WriteString(p.paint(c.style, c.text))
			if i+1 < len(row) {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+columnGap))
			}
		}
		p.write(strings.TrimRight(b.String(), " ") + "\n")
	}
}

// safe takes out of what others have written (owners, reasons, metadata) what a terminal would obey.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
