// Package vault uses keys that never leave the Transit engine of HashiCorp Vault or OpenBao.
//
// A [Key] is one version of a key of the engine, and a [keyset.Remote]. In manifests its
// source is "vault:transit/NAME?version=3"; [Opener] opens it for JOSE. It is a module of
// its own, so that the client comes only to programs that use it.
package vault

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/hashicorp/vault/api"

	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A Key is one version of a key in the service. It is safe for concurrent use.
type Key struct {
	from, client *api.Client // from has the token; client is a copy that asks once
	mount, name  string
	version      int
	public       crypto.PublicKey
}

var _ keyset.Remote = (*Key)(nil)

var path = regexp.MustCompile(`^\w[\w.-]*(/\w[\w.-]*)*/\w[\w.-]*$`)

// Open asks the engine for the public half of a version of a key, whose path is that of the
// engine and the name of the key, such as "transit/bank-sign". client stays the caller's:
// its token is read for each call, and its address, namespace, and headers once.
//
// The error says what is wrong and what to grant, with the name of the key. It wraps
// [keyset.ErrUnavailable] if trying again later may help.
func Open(ctx context.Context, client *api.Client, key string, version int) (k *Key, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("vault: key %.256q, version %d: %w", key, version, err)
		}
	}()
	if client == nil || version < 1 || !path.MatchString(key) {
		return nil, errors.New("it wants a client, a path such as transit/NAME, and a version of at least 1")
	}
	last := strings.LastIndexByte(key, '/')
	k = &Key{from: client, mount: key[:last], name: key[last+1:], version: version}
	if k.client, err = client.CloneWithHeaders(); err != nil {
		return nil, err
	}
	// The engine answers a bad ciphertext with 500, which the client would ask again, a
	// second later: everybody could see which padding was bad.
	k.client.SetMaxRetries(0)
	var said entry
	if err := k.ask(ctx, http.MethodGet, "keys", "", nil, &said); err != nil {
		return nil, err
	}
	k.public, err = said.public(version)
	return k, err
}

// An entry is what the engine says of a key.
type entry struct {
	Type     string         `json:"type"`
	Derived  bool           `json:"derived"`
	Latest   int            `json:"latest_version"`
	Decrypts int            `json:"min_decryption_version"`
	Encrypts int            `json:"min_encryption_version"`
	Keys     map[string]any `json:"keys"`
}

// public returns the public half of a version.
func (e *entry) public(version int) (crypto.PublicKey, error) {
	isRSA := strings.HasPrefix(e.Type, "rsa-")
	switch {
	case e.Derived || !isRSA && !strings.HasPrefix(e.Type, "ecdsa-p") && e.Type != "ed25519":
		return nil, fmt.Errorf("it is of type %q; make one of rsa-*, ecdsa-p*, or ed25519, not derived: %w", e.Type, errors.ErrUnsupported)
	case version > e.Latest:
		return nil, fmt.Errorf("the latest version is %d; the next is made by keys/NAME/rotate", e.Latest)
	case version < e.Decrypts:
		return nil, fmt.Errorf("it was removed: min_decryption_version is %d", e.Decrypts)
	case version < e.Encrypts && !isRSA:
		return nil, fmt.Errorf("it does not sign: min_encryption_version is %d", e.Encrypts)
	}
	asked, _ := e.Keys[strconv.Itoa(version)].(map[string]any)
	text, _ := asked["public_key"].(string)
	if raw, err := base64.StdEncoding.DecodeString(text); e.Type == "ed25519" && err == nil && len(raw) == ed25519.PublicKeySize {
		return ed25519.PublicKey(raw), nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the engine does not tell its public half")
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

// String returns the path and the version of the key.
func (k *Key) String() string { return fmt.Sprintf("%s/%s?version=%d", k.mount, k.name, k.version) }

// Public returns the public half.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Bind returns a [crypto.Signer], which an RSA key decrypts with, too.
func (k *Key) Bind(ctx context.Context) crypto.PrivateKey {
	if _, ok := k.public.(*rsa.PublicKey); ok {
		return &decrypter{signer{k, ctx}}
	}
	return &signer{k, ctx}
}

// Undecryptable reports whether the engine may mean the ciphertext. It answers a bad one
// with 500, a fault of its own too: which of them it is, is not looked for.
func (k *Key) Undecryptable(err error) bool {
	status := statusOf(err)
	return errors.Is(err, remote.ErrCiphertext) || status == http.StatusInternalServerError || status == http.StatusBadRequest
}

func statusOf(err error) (status int) {
	if said, ok := errors.AsType[*api.ResponseError](err); ok {
		status = said.StatusCode
	}
	return status
}

type (
	signer struct {
		*Key
		ctx context.Context
	}
	decrypter struct{ signer }
)

func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	scheme, hash, err := remote.Signature(s.public, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("vault: key %s: %w", s, err)
	}
	in := map[string]any{"input": digest, "key_version": s.version}
	suffix := ""
	if scheme != remote.Ed25519 {
		suffix = fmt.Sprintf("/sha2-%d", hash.Size()*8)
		in["prehashed"], in["marshaling_algorithm"], in["salt_length"] = true, "asn1", "hash"
		in["signature_algorithm"] = map[remote.Scheme]string{remote.PSS: "pss", remote.PKCS1v15: "pkcs1v15"}[scheme]
	}
	var said struct{ Signature string }
	if err := s.ask(s.ctx, http.MethodPut, "sign", suffix, in, &said); err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(said.Signature, s.prefix())
	if !ok {
		return nil, fmt.Errorf("%w: the engine answers with another version", keyset.ErrUnavailable)
	}
	return base64.StdEncoding.DecodeString(text)
}

func (d *decrypter) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	padding := "pkcs1v15"
	_, _, err := remote.Decryption(d.public, ciphertext, opts, func(scheme remote.Scheme, hash crypto.Hash) error {
		if scheme == remote.OAEP {
			padding = "oaep"
		}
		if scheme == remote.OAEP && hash != crypto.SHA256 {
			return errors.New("the engine decrypts RSA-OAEP with SHA-256, and PKCS #1 v1.5")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("vault: key %s: %w", d, err)
	}
	var said struct{ Plaintext []byte }
	err = d.ask(d.ctx, http.MethodPut, "decrypt", "", map[string]any{
		"ciphertext": d.prefix() + base64.StdEncoding.EncodeToString(ciphertext), "padding_scheme": padding}, &said)
	if err == nil && said.Plaintext == nil {
		err = fmt.Errorf("%w: an answer without a plaintext", keyset.ErrUnavailable)
	}
	return said.Plaintext, err
}

func (k *Key) prefix() string { return fmt.Sprintf("vault:v%d:", k.version) }

// ask asks once, and reads the data of the answer into said.
func (k *Key) ask(ctx context.Context, method, operation, suffix string, in, said any) error {
	where := k.mount + "/" + operation + "/" + k.name
	request := k.client.NewRequest(method, "/v1/"+where+suffix)
	request.ClientToken = k.from.Token() // which may have been renewed
	if in != nil {
		if err := request.SetJSONBody(in); err != nil {
			return err
		}
	}
	//lint:ignore SA1019 what is in its place reads numbers and bytes as values of its own
	answer, err := k.client.RawRequestWithContext(ctx, request)
	if answer != nil && answer.Body != nil {
		defer answer.Body.Close()
	}
	if err != nil {
		return explained(err, where)
	}
	if err := answer.DecodeJSON(&struct{ Data any }{said}); err != nil {
		return fmt.Errorf("%w: %w", keyset.ErrUnavailable, err)
	}
	return nil
}

// explained adds what to do to an error of the service.
func explained(err error, where string) error {
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusInternalServerError:
		return err
	case http.StatusNotFound:
		return fmt.Errorf("there is no %s in this namespace: %w", where, err)
	case http.StatusForbidden:
		return fmt.Errorf("renew the token, or grant it %s: %w: %w", where, keyset.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", keyset.ErrUnavailable, err)
}

// Opener opens sources "vault:transit/NAME?version=3" for JOSE. A manifest says of an RSA
// key whether it signs or decrypts: in the engine it does both.
func Opener(client *api.Client) keyset.Opener {
	return jwe.OpenRemote(func(ctx context.Context, source string, _ keyset.Use) (keyset.Remote, error) {
		key, ok := strings.CutPrefix(source, "vault:")
		name, text, versioned := strings.Cut(key, "?version=")
		version, err := strconv.Atoi(text)
		if !ok || !versioned || err != nil {
			return nil, fmt.Errorf("vault: %.128q is not the source of a key: vault:transit/NAME?version=3", source)
		}
		return Open(ctx, client, name, version)
	})
}
