// Package gcpkms uses keys that never leave Google Cloud KMS or Cloud HSM.
//
// A [Key] is one CryptoKeyVersion, and a [keyset.Remote]. In manifests its source is
// "gcpkms:projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/1"; [Opener]
// opens it for JOSE, and package openpgp for OpenPGP. It is a module of its own, so that the
// client comes only to programs that use it.
package gcpkms

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strings"

	kms "cloud.google.com/go/kms/apiv1"
	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A Key is one version of a key in the service. It is safe for concurrent use.
type Key struct {
	client *kms.KeyManagementClient
	name   string
	public crypto.PublicKey
	does   operation
}

var _ keyset.Remote = (*Key)(nil)

// An operation is what the algorithm of a key version fixes.
type operation struct {
	name string // as the service has it

	sign, pss, raw bool        // raw: the DigestInfo is ours
	hash           crypto.Hash // zero for any, and for Ed25519
}

var version = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/[0-9]+$`)

// Open asks the service for the public half of a key version, and what the key does. A
// name without a version is an error: which key is meant would change with the next one.
// client stays the caller's.
//
// The error says what is wrong and what to grant, with the name of the key. It wraps
// [keyset.ErrUnavailable] if trying again later may help.
func Open(ctx context.Context, client *kms.KeyManagementClient, name string) (*Key, error) {
	if client == nil {
		return nil, errors.New("gcpkms: the client is nil")
	}
	if !version.MatchString(name) {
		return nil, fmt.Errorf("gcpkms: %.256q is no key version: projects/*/locations/*/keyRings/*/cryptoKeys/*/cryptoKeyVersions/*", name)
	}
	answer, err := client.GetPublicKey(ctx, &kmspb.GetPublicKeyRequest{Name: name})
	if err != nil {
		return nil, fmt.Errorf("gcpkms: key %s: %w", name, explained(err, "cloudkms.cryptoKeyVersions.viewPublicKey"))
	}
	if answer.Name != name || !intact([]byte(answer.Pem), answer.PemCrc32C) {
		return nil, fmt.Errorf("gcpkms: key %s: the public half was damaged on its way: %w", name, keyset.ErrUnavailable)
	}
	does, err := operationOf(answer.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("gcpkms: key %s: %w", name, err)
	}
	block, _ := pem.Decode([]byte(answer.Pem))
	if block == nil {
		return nil, fmt.Errorf("gcpkms: key %s: the public half is no PEM", name)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("gcpkms: key %s: %w", name, err)
	}
	return &Key{client, name, public, does}, nil
}

// operationOf reads the name of an algorithm, such as RSA_SIGN_PSS_3072_SHA256.
func operationOf(a kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) (operation, error) {
	name := a.String()
	o := operation{
		name: name,
		sign: strings.Contains(name, "_SIGN_"),
		pss:  strings.Contains(name, "_PSS_"),
		raw:  strings.Contains(name, "_RAW_PKCS1_"),
	}
	for suffix, hash := range map[string]crypto.Hash{"_SHA1": crypto.SHA1, "_SHA256": crypto.SHA256, "_SHA384": crypto.SHA384, "_SHA512": crypto.SHA512} {
		if strings.HasSuffix(name, suffix) {
			o.hash = hash
		}
	}
	known := strings.HasPrefix(name, "RSA_SIGN_") || strings.HasPrefix(name, "RSA_DECRYPT_OAEP_") ||
		name == "EC_SIGN_P256_SHA256" || name == "EC_SIGN_P384_SHA384" || name == "EC_SIGN_ED25519"
	if !known {
		return operation{}, fmt.Errorf("it is for %s: make a key for RSA_SIGN_*, RSA_DECRYPT_OAEP_*, EC_SIGN_P256_SHA256, EC_SIGN_P384_SHA384, or EC_SIGN_ED25519: %w", name, errors.ErrUnsupported)
	}
	return o, nil
}

// String returns the name of the key version.
func (k *Key) String() string { return k.name }

// Public returns the public half.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Bind returns a [crypto.Signer], or a [crypto.Decrypter] for a key that decrypts.
func (k *Key) Bind(ctx context.Context) crypto.PrivateKey {
	if k.does.sign {
		return &signer{k, ctx}
	}
	return &decrypter{k, ctx}
}

// Undecryptable reports whether the service takes the ciphertext for bad. It says so with
// INVALID_ARGUMENT, and what is its own fault with other codes.
func (k *Key) Undecryptable(err error) bool {
	return errors.Is(err, remote.ErrCiphertext) || status.Code(err) == codes.InvalidArgument
}

// SignsOpenPGP returns an error that wraps [errors.ErrUnsupported], and says what to make
// instead, if the key does not sign as OpenPGP does here: with SHA-384. It does not ask the
// service.
func (k *Key) SignsOpenPGP() error {
	if !k.does.sign {
		return fmt.Errorf("gcpkms: key %s decrypts with RSA-OAEP: OpenPGP needs PKCS #1 v1.5, which Cloud KMS does not do; decrypt with a key elsewhere: %w", k.name, errors.ErrUnsupported)
	}
	scheme, hash, err := remote.Signature(k.public, make([]byte, crypto.SHA384.Size()), crypto.SHA384)
	if err == nil {
		err = k.signs(scheme, hash)
	}
	if err != nil {
		return fmt.Errorf("gcpkms: key %s: %w; for OpenPGP make one for RSA_SIGN_RAW_PKCS1_* or EC_SIGN_P384_SHA384", k.name, err)
	}
	return nil
}

// signs returns an error if the algorithm of the key is another one.
func (k *Key) signs(scheme remote.Scheme, hash crypto.Hash) error {
	if k.does.hash != 0 && hash != k.does.hash || (scheme == remote.PSS) != k.does.pss {
		return fmt.Errorf("it is for %s, and does not sign by %v with %v: %w", k.does.name, scheme, hash, errors.ErrUnsupported)
	}
	return nil
}

type signer struct {
	*Key
	ctx context.Context
}

func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	scheme, hash, err := remote.Signature(s.public, digest, opts)
	if err == nil {
		err = s.signs(scheme, hash)
	}
	if err != nil {
		return nil, fmt.Errorf("gcpkms: key %s: %w", s.name, err)
	}
	request := &kmspb.AsymmetricSignRequest{Name: s.name}
	switch {
	case scheme == remote.Ed25519:
		request.Data = digest
	case s.does.raw:
		if request.Data, err = remote.DigestInfo(hash, digest); err != nil {
			return nil, err
		}
	case hash == crypto.SHA256:
		request.Digest = &kmspb.Digest{Digest: &kmspb.Digest_Sha256{Sha256: digest}}
	case hash == crypto.SHA384:
		request.Digest = &kmspb.Digest{Digest: &kmspb.Digest_Sha384{Sha384: digest}}
	default:
		request.Digest = &kmspb.Digest{Digest: &kmspb.Digest_Sha512{Sha512: digest}}
	}
	if request.Data != nil {
		request.DataCrc32C = sum(request.Data)
	}
	if request.Digest != nil {
		request.DigestCrc32C = sum(digest)
	}
	answer, err := s.client.AsymmetricSign(s.ctx, request)
	if err != nil {
		return nil, explained(err, "cloudkms.cryptoKeyVersions.useToSign")
	}
	if answer.Name != s.name || !answer.VerifiedDigestCrc32C && !answer.VerifiedDataCrc32C || !intact(answer.Signature, answer.SignatureCrc32C) {
		return nil, errDamaged
	}
	return answer.Signature, nil
}

type decrypter struct {
	*Key
	ctx context.Context
}

func (d *decrypter) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	_, _, err := remote.Decryption(d.public, ciphertext, opts, func(scheme remote.Scheme, hash crypto.Hash) error {
		if scheme != remote.OAEP || hash != d.does.hash {
			return fmt.Errorf("gcpkms: key %s decrypts RSA-OAEP with %v and nothing else", d.name, d.does.hash)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer, err := d.client.AsymmetricDecrypt(d.ctx, &kmspb.AsymmetricDecryptRequest{Name: d.name, Ciphertext: ciphertext, CiphertextCrc32C: sum(ciphertext)})
	if err != nil {
		return nil, explained(err, "cloudkms.cryptoKeyVersions.useToDecrypt")
	}
	if !answer.VerifiedCiphertextCrc32C || !intact(answer.Plaintext, answer.PlaintextCrc32C) {
		return nil, errDamaged
	}
	return answer.Plaintext, nil
}

var errDamaged = fmt.Errorf("gcpkms: the question or the answer was damaged on its way: %w", keyset.ErrUnavailable)

// explained adds what to do to an error of the service.
func explained(err error, permission string) error {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.NotFound, codes.Unimplemented:
		return err
	case codes.PermissionDenied:
		return fmt.Errorf("grant %s to the account: %w: %w", permission, keyset.ErrUnavailable, err)
	case codes.FailedPrecondition:
		return fmt.Errorf("the version is disabled, destroyed, or for another purpose; enable it, or retire the key: %w: %w", keyset.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", keyset.ErrUnavailable, err)
}

// Opener opens sources "gcpkms:NAME" for JOSE, where NAME is that of a key version.
func Opener(client *kms.KeyManagementClient) keyset.Opener {
	return jwe.OpenRemote(func(ctx context.Context, source string, _ keyset.Use) (keyset.Remote, error) {
		name, ok := strings.CutPrefix(source, "gcpkms:")
		if !ok {
			return nil, fmt.Errorf("gcpkms: %.128q is not the source of a key in KMS", source)
		}
		return Open(ctx, client, name)
	})
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(data []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(data, castagnoli)))
}

func intact(data []byte, crc *wrapperspb.Int64Value) bool {
	return crc != nil && crc.Value == sum(data).Value
}
