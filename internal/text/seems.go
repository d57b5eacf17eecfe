package text

import "bytes"

// Beginnings of what people send in place of something else, and what to say of them.
var beginnings = []struct{ octets, what string }{
	{"\xff\xfe", "it is text in UTF-16; write it in ASCII"},
	{"\xfe\xff", "it is text in UTF-16; write it in ASCII"},
	{"-\x00-\x00", "it is text in UTF-16; write it in ASCII"},
	{"\x00-\x00-", "it is text in UTF-16; write it in ASCII"},
	{"\xef\xbf\xbd", "bytes of it were replaced because they are no text; send bytes, or base64"},
	{"data:", "it is a data: URI; decode what stands behind the comma"},
	{"<", "it is XML or HTML"},
	{"PK\x03\x04", "it is a ZIP file"},
	{"\x1f\x8b", "it is compressed with gzip; decompress it first"},
	{`"`, "it is a JSON string; decode the string first"},
	{"[", "it is JSON; take the value out of it first"},
	{"'", "quotes stand around it"},
	{"%2D%2D%2D", "it is percent-encoded; decode it first"},
	{"-----BEGIN%20", "it is percent-encoded; decode it first"},
	{"-----BEGIN+", "it is form-encoded; decode it first"},
}

// Seems says of what was sent in place of a key or of a message what it is, by how it
// begins, or returns the empty string.
func Seems(head []byte) string {
	head = bytes.TrimLeft(head, " \t\r\n")
	for _, b := range beginnings {
		if bytes.HasPrefix(head, []byte(b.octets)) {
			return b.what
		}
	}
	return ""
}
