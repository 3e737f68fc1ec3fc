package httpapi

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
)

// The page at /ui, which reads the API as any other caller does. It has no build step: what is in ui/ is what a browser gets.
//
//go:embed ui
var uiFiles embed.FS

// uiTypes are the media types of the page's files; a file of another kind is not served.
var uiTypes = map[string][]string{
	".html": {"text/html; charset=utf-8"},
	".css":  {"text/css; charset=utf-8"},
	".js":   {"text/javascript; charset=utf-8"},
	".svg":  {"image/svg+xml"},
}

// uiHeaders confine the page. Owners, values and reasons are text of strangers: should one ever get into the page as markup, then nothing in
// it runs, and nothing leaves for elsewhere.
var uiHeaders = http.Header{
	"Content-Security-Policy": {"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
}

func (q *call) uiPage() *problem { return q.uiServe("index.html") }

func (q *call) uiFile() *problem {
	name := q.gin.Param("file")
	if name == "index.html" { // it has one address, since its links are relative
		return q.notFound()
	}
	return q.uiServe(name)
}

func (q *call) uiServe(name string) *problem {
	media, known := uiTypes[path.Ext(name)]
	content, err := fs.ReadFile(uiFiles, "ui/"+name)
	if !known || err != nil {
		return q.notFound()
	}
	h := q.gin.Writer.Header()
	for k, v := range uiHeaders {
		h[k] = v
	}
	q.out.b = append(q.out.b, content...)
	q.send(http.StatusOK, media)
	return nil
}
