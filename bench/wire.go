package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
)

// conn is one HTTP/1.1 connection of one client. It parses just what it needs: the load generator shares the
// machine with what it measures.
type conn struct {
	net.Conn
	in   *bufio.Reader
	host string
	out  []byte
	body []byte
}

func dial(addr string) (*conn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, in: bufio.NewReaderSize(c, 16<<10), host: addr}, nil
}

// do sends a request with a form body and returns the status; the answer's body is in c.body until the next call.
func (c *conn) do(method, path, form string) (int, error) {
	c.out = append(c.out[:0], method...)
	c.out = append(append(append(c.out, ' '), path...), " HTTP/1.1\r\nHost: "...)
	c.out = append(append(c.out, c.host...), "\r\n"...)
	if form != "" {
		c.out = append(c.out, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
		c.out = append(strconv.AppendInt(c.out, int64(len(form)), 10), "\r\n"...)
	}
	c.out = append(append(c.out, "\r\n"...), form...)
	if _, err := c.Write(c.out); err != nil {
		return 0, err
	}
	return c.read()
}

func (c *conn) read() (int, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("status line %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err = c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return 0, err
			}
		}
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.in, c.body)
	return status, err
}

// field returns a string field of the JSON answer.
func (c *conn) field(name string) string {
	_, after, ok := bytes.Cut(c.body, []byte(`"`+name+`":"`))
	if !ok {
		return ""
	}
	value, _, _ := bytes.Cut(after, []byte{'"'})
	return string(value)
}
