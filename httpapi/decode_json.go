package httpapi

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

var jsonDecoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// json reads one object. Duplicates are let through by the tokenizer because lookup finds them, by name.
func (d *decoder) json(body []byte) *problem {
	dec := jsonDecoders.Get().(*jsontext.Decoder)
	defer jsonDecoders.Put(dec)
	dec.Reset(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		if _, err := dec.ReadToken(); err != nil {
			return badJSON(err)
		}
		return invalid("", "the JSON body must be an object")
	}
	if p := d.members(dec, d.member); p != nil {
		return p
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return invalid("", "the body goes on after the JSON object")
	}
	return nil
}

// members calls each for every member of the object that comes next.
func (d *decoder) members(dec *jsontext.Decoder, each func(dec *jsontext.Decoder, name string) *problem) *problem {
	if _, err := dec.ReadToken(); err != nil {
		return badJSON(err)
	}
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return badJSON(err)
		}
		if tok.Kind() == '}' {
			return nil
		}
		if p := each(dec, tok.String()); p != nil {
			return p
		}
	}
}

func (d *decoder) member(dec *jsontext.Decoder, name string) *problem {
	s, p := d.lookup(name)
	if p != nil {
		return p
	}
	switch kind := dec.PeekKind(); {
	case kind == 0:
		_, err := dec.ReadToken()
		return badJSON(err)
	case kind == 'n':
		return invalid(name, "parameter %s is null; leave it out instead", name)
	case !s.kind.fits(kind):
		return wrongValue(s, s.kind.want())
	}
	if s.kind == object {
		return d.members(dec, d.pair)
	}
	tok, err := dec.ReadToken()
	if err != nil {
		return badJSON(err)
	}
	return d.parse(s, tok.String())
}

func (d *decoder) pair(dec *jsontext.Decoder, key string) *problem {
	tok, err := dec.ReadToken()
	if err != nil {
		return badJSON(err)
	}
	switch tok.Kind() {
	case '"':
		return d.metadata(key, tok.String())
	case 'n':
		return invalid("metadata", "metadata %s is null; leave it out instead", printable(key))
	}
	return wrongValue(&specs[pMetadata], object.want())
}

func (k kind) fits(j jsontext.Kind) bool {
	switch k {
	case text:
		return j == '"'
	case integer:
		return j == '0'
	case boolean:
		return j == 't' || j == 'f'
	}
	return j == '{'
}

func (k kind) want() string {
	switch k {
	case text:
		return `must be a string in JSON, such as "15s" for a duration`
	case integer:
		return "must be a number in JSON, without quotes"
	case boolean:
		return "must be true or false in JSON, without quotes"
	}
	return "must be an object of strings in JSON"
}

func badJSON(err error) *problem {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return invalid("", "the JSON body ends too early")
	}
	return invalid("", "the body is not valid JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
}
