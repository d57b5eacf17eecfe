package pkcs11

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/miekg/pkcs11"
)

// A uri names private keys on a token: RFC 7512.
type uri struct {
	token  map[string]string // token, serial, manufacturer, model
	object []*pkcs11.Attribute
	text   string // of the attributes above, for people
}

var errPIN = errors.New("a PIN does not stand in a URI, where logs and manifests show it: take pin-value out, change the PIN, and return it from Config.PIN")

// parseURI reads a URI. Attributes that are not understood are errors, as RFC 7512,
// Section 2.3, wants it; what stands in a query is not repeated in an error.
func parseURI(text string) (u uri, err error) {
	path, query, _ := strings.Cut(text, "?")
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		switch {
		case name == "pin-value" || name == "pin-source":
			return uri{}, errPIN
		case part != "":
			return uri{}, fmt.Errorf("the attribute %.32q of a PKCS #11 URI is not supported", name)
		}
	}
	attributes, ok := strings.CutPrefix(path, "pkcs11:")
	if !ok {
		return uri{}, fmt.Errorf("%.128q is not a PKCS #11 URI: pkcs11:token=TOKEN;object=LABEL", path)
	}
	u = uri{token: map[string]string{}, text: path}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(part, "=")
		value, err := url.PathUnescape(value)
		switch {
		case err != nil || value == "" || seen[name]:
			return uri{}, fmt.Errorf("%.128q: the attribute %.32q is empty, repeated, or badly escaped", path, name)
		case name == "token" || name == "serial" || name == "manufacturer" || name == "model":
			u.token[name] = value
		case name == "object":
			u.object = append(u.object, pkcs11.NewAttribute(pkcs11.CKA_LABEL, value))
		case name == "id":
			u.object = append(u.object, pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(value)))
		case name == "type" && value == "private":
		case name == "pin-value" || name == "pin-source":
			return uri{}, errPIN
		default:
			return uri{}, fmt.Errorf("%.128q: the attribute %.32q is not supported, or not with this value", path, name)
		}
		seen[name] = true
	}
	if len(u.token) == 0 {
		return uri{}, fmt.Errorf("%.128q names no token: add token=LABEL", path)
	}
	return u, nil
}

// names reports whether the token is one that u names.
func (u uri) names(i pkcs11.TokenInfo) bool {
	is := map[string]string{"token": i.Label, "serial": i.SerialNumber, "manufacturer": i.ManufacturerID, "model": i.Model}
	for name, value := range u.token {
		if is[name] != value {
			return false
		}
	}
	return i.Flags&pkcs11.CKF_TOKEN_INITIALIZED != 0
}

// of is the URI of one of the keys that u names.
func (u uri) of(label, id []byte) uri {
	path := "pkcs11:"
	for _, name := range []string{"token", "serial", "manufacturer", "model"} {
		if value, ok := u.token[name]; ok {
			path += name + "=" + url.PathEscape(value) + ";"
		}
	}
	u.object = nil
	if len(label) != 0 {
		u.object = append(u.object, pkcs11.NewAttribute(pkcs11.CKA_LABEL, bytes.Clone(label)))
		path += "object=" + url.PathEscape(string(label)) + ";"
	}
	if len(id) != 0 {
		u.object = append(u.object, pkcs11.NewAttribute(pkcs11.CKA_ID, bytes.Clone(id)))
		for i, b := range id {
			if i == 0 {
				path += "id="
			}
			path += fmt.Sprintf("%%%02X", b)
		}
	}
	u.text = strings.TrimSuffix(path, ";")
	return u
}
