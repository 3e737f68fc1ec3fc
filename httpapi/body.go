package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// readBody reads the whole body into buf and returns the extended slice. It always reads to the end: net/http begins to watch
// the connection only then, and a waiting request must learn that its client hung up.
func readBody(w http.ResponseWriter, r *http.Request, buf []byte) ([]byte, *problem) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return buf, nil
	}
	if r.ContentLength > MaxBodyBytes {
		return buf, tooLarge(w)
	}
	control := http.NewResponseController(w)
	// Server.ReadTimeout would go on running while a request waits, and end the wait. Where there is no deadline to be
	// had, in tests, there is no slow client either.
	if control.SetReadDeadline(time.Now().Add(BodyTimeout)) == nil {
		defer control.SetReadDeadline(time.Time{})
	}
	for {
		if len(buf) > MaxBodyBytes {
			return buf, tooLarge(w)
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			if len(buf) > MaxBodyBytes {
				return buf, tooLarge(w)
			}
			return buf, nil
		}
		if err != nil {
			w.Header().Set("Connection", "close")
			return buf, badBody(err)
		}
	}
}

func badBody(err error) *problem {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return invalid("", "the body did not arrive within %v", BodyTimeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return invalid("", "the body is shorter than announced")
	}
	return invalid("", "the body cannot be read")
}

func tooLarge(w http.ResponseWriter) *problem {
	w.Header().Set("Connection", "close")
	return &problem{code: BodyTooLarge}
}

// mediaType says which of the two kinds of bodies this is.
func mediaType(h http.Header) (string, *problem) {
	if len(h["Content-Encoding"]) > 0 {
		return "", unsupported("the body must not be compressed")
	}
	types := h["Content-Type"]
	if len(types) != 1 {
		return "", unsupported("a body needs one Content-Type: " + formType + " or " + jsonType)
	}
	switch types[0] {
	case formType, jsonType:
		return types[0], nil
	}
	media, args, err := mime.ParseMediaType(types[0])
	if err != nil || media != formType && media != jsonType {
		return "", unsupported("a body is read as " + formType + " or " + jsonType)
	}
	if charset, ok := args["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", unsupported("the only charset is utf-8")
	}
	return media, nil
}

func unsupported(detail string) *problem { return &problem{code: UnsupportedMediaType, detail: detail} }
