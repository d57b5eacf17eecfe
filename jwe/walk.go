package jwe

import (
	"bytes"
	"encoding/json"
)

// members calls visit for each member of a valid JSON object, in order, until
// it returns false.
func members(object []byte, visit func(name string, value []byte) bool) {
	i := space(object, 1)
	for object[i] == '"' {
		end := pastString(object, i)
		name := unquote(object[i:end])
		i = space(object, end)
		i = space(object, i+1) // past the colon
		end = pastValue(object, i)
		if !visit(name, object[i:end]) {
			return
		}
		if i = space(object, end); object[i] == ',' {
			i = space(object, i+1)
		}
	}
}

// elements calls visit for each element of a valid JSON array, in order, until
// it returns false.
func elements(array []byte, visit func(value []byte) bool) {
	i := space(array, 1)
	for array[i] != ']' {
		end := pastValue(array, i)
		if !visit(array[i:end]) {
			return
		}
		if i = space(array, end); array[i] == ',' {
			i = space(array, i+1)
		}
	}
}

func space(b []byte, i int) int {
	for b[i] == ' ' || b[i] == '\t' || b[i] == '\r' || b[i] == '\n' {
		i++
	}
	return i
}

func pastString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func pastValue(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = pastString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
}

// unquote returns the string that a valid JSON string spells.
func unquote(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is valid
	return s
}
