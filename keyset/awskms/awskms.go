// Package awskms uses keys that never leave AWS KMS or the CloudHSM behind it.
//
// A [Key] is one asymmetric key, and a [keyset.Remote]. In manifests its source is
// "awskms:" and its ARN; [Opener] opens it for JOSE, and package openpgp for OpenPGP. It
// is a module of its own, so that the SDK comes only to programs that use it.
package awskms

import (
	"context"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/sealwax/sealwax/internal/remote"
	"github.com/sealwax/sealwax/jwe"
	"github.com/sealwax/sealwax/keyset"
)

// A Key is one key in the service. It is safe for concurrent use.
type Key struct {
	client *kms.Client
	arn    string
	public crypto.PublicKey
	does   *types.KeyMetadata // its usage, and the algorithms that the service lists
}

var _ keyset.Remote = (*Key)(nil)

// Open asks the service what a key is for, and for its public half. id is an ARN, a key
// ID, or an alias, which is resolved here: the key stays the same if the alias moves.
// client stays the caller's; it needs kms:DescribeKey and kms:GetPublicKey.
//
// The error says what is wrong and what to grant, with the name of the key. It wraps
// [keyset.ErrUnavailable] if trying again later may help.
func Open(ctx context.Context, client *kms.Client, id string) (k *Key, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("awskms: key %.256q: %w", id, err)
		}
	}()
	if client == nil {
		return nil, errors.New("the client is nil")
	}
	region := client.Options().Region
	if parts := strings.Split(id, ":"); parts[0] == "arn" && (len(parts) < 6 || parts[3] != region) {
		return nil, fmt.Errorf("it is not in the region of the client, which is %q", region)
	}
	described, err := client.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &id})
	if err != nil {
		return nil, explained(err, "kms:DescribeKey")
	}
	does := described.KeyMetadata
	if does == nil || aws.ToString(does.Arn) == "" {
		return nil, errAnswer
	}
	if err := usable(does); err != nil {
		return nil, err
	}
	// By ARN: an alias may have moved since it was described.
	answer, err := client.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: does.Arn})
	if err != nil {
		return nil, explained(err, "kms:GetPublicKey")
	}
	if aws.ToString(answer.KeyId) != *does.Arn {
		return nil, errAnswer
	}
	public, err := x509.ParsePKIXPublicKey(answer.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("its public half: %w", err)
	}
	return &Key{client, *does.Arn, public, does}, nil
}

// usable says why a key cannot be used, and what to do.
func usable(k *types.KeyMetadata) error {
	isRSA, isEC := strings.HasPrefix(string(k.KeySpec), "RSA_"), strings.HasPrefix(string(k.KeySpec), "ECC_NIST_P")
	switch {
	case k.KeySpec == types.KeySpecEccNistEdwards25519:
		return fmt.Errorf("the service signs messages of at most 4096 bytes with %s; make one of ECC_NIST_P256: %w", k.KeySpec, errors.ErrUnsupported)
	case isRSA && k.KeyUsage == types.KeyUsageTypeEncryptDecrypt,
		isEC && k.KeyUsage == types.KeyUsageTypeKeyAgreement,
		(isRSA || isEC) && k.KeyUsage == types.KeyUsageTypeSignVerify:
	default:
		return fmt.Errorf("it is of %s for %s; make one of RSA_* for SIGN_VERIFY or ENCRYPT_DECRYPT, or of ECC_NIST_P* for SIGN_VERIFY or KEY_AGREEMENT: %w", k.KeySpec, k.KeyUsage, errors.ErrUnsupported)
	}
	switch k.KeyState {
	case types.KeyStateEnabled:
		return nil
	case types.KeyStatePendingDeletion, types.KeyStatePendingReplicaDeletion:
		return fmt.Errorf("it is to be deleted; cancel that (kms:CancelKeyDeletion), or retire it: %w", keyset.ErrUnavailable)
	default:
		return fmt.Errorf("it is in state %q; enable it (kms:EnableKey), or retire it: %w", k.KeyState, keyset.ErrUnavailable)
	}
}

var errAnswer = fmt.Errorf("the service answers for another key: %w", keyset.ErrUnavailable)

// String returns the ARN of the key.
func (k *Key) String() string { return k.arn }

// Public returns the public half.
func (k *Key) Public() crypto.PublicKey { return k.public }

// Use returns what the key is for: signing, or decryption and key agreement.
func (k *Key) Use() keyset.Use {
	if k.does.KeyUsage == types.KeyUsageTypeSignVerify {
		return keyset.Signing
	}
	return keyset.Encryption
}

// Bind returns a [crypto.Signer], a [crypto.Decrypter], or an [ecdh.KeyExchanger], which
// the key is for.
func (k *Key) Bind(ctx context.Context) crypto.PrivateKey {
	if k.Use() == keyset.Signing {
		return &signer{call{k, ctx}}
	}
	if k.does.KeyUsage == types.KeyUsageTypeEncryptDecrypt {
		return &decrypter{call{k, ctx}}
	}
	return &exchanger{call{k, ctx}}
}

// Undecryptable reports whether the service takes the ciphertext for bad. Of ours it gets
// nothing else that depends on a message, so that what it cannot validate is the ciphertext.
func (k *Key) Undecryptable(err error) bool {
	code := codeOf(err)
	return errors.Is(err, remote.ErrCiphertext) || code == "InvalidCiphertextException" || code == "IncorrectKeyException" || code == "ValidationException"
}

type (
	call struct {
		*Key
		ctx context.Context
	}
	signer    struct{ call }
	decrypter struct{ call }
	exchanger struct{ call }
)

func (s *signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	scheme, hash, err := remote.Signature(s.public, digest, opts)
	if err != nil {
		return nil, fmt.Errorf("awskms: key %s: %w", s.arn, err)
	}
	name := map[remote.Scheme]string{remote.PSS: "RSASSA_PSS", remote.PKCS1v15: "RSASSA_PKCS1_V1_5", remote.ECDSA: "ECDSA"}[scheme]
	algorithm := types.SigningAlgorithmSpec(fmt.Sprintf("%s_SHA_%d", name, hash.Size()*8))
	if !slices.Contains(s.does.SigningAlgorithms, algorithm) {
		return nil, fmt.Errorf("awskms: key %s: the service does not list %s for it: %w", s.arn, algorithm, errors.ErrUnsupported)
	}
	answer, err := s.client.Sign(s.ctx, &kms.SignInput{KeyId: &s.arn, Message: digest, MessageType: types.MessageTypeDigest, SigningAlgorithm: algorithm})
	if err != nil {
		return nil, explained(err, "kms:Sign")
	}
	return answered(s.arn, answer.KeyId, answer.Signature)
}

func (d *decrypter) Decrypt(_ io.Reader, ciphertext []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	var algorithm types.EncryptionAlgorithmSpec
	_, _, err := remote.Decryption(d.public, ciphertext, opts, func(scheme remote.Scheme, hash crypto.Hash) error {
		if scheme == remote.OAEP {
			algorithm = map[crypto.Hash]types.EncryptionAlgorithmSpec{crypto.SHA1: types.EncryptionAlgorithmSpecRsaesOaepSha1, crypto.SHA256: types.EncryptionAlgorithmSpecRsaesOaepSha256}[hash]
		}
		if !slices.Contains(d.does.EncryptionAlgorithms, algorithm) {
			return errors.New("the service decrypts RSA-OAEP with SHA-1 or SHA-256, and nothing else")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("awskms: key %s: %w", d.arn, err)
	}
	answer, err := d.client.Decrypt(d.ctx, &kms.DecryptInput{KeyId: &d.arn, CiphertextBlob: ciphertext, EncryptionAlgorithm: algorithm})
	if err != nil {
		return nil, explained(err, "kms:Decrypt")
	}
	return answered(d.arn, answer.KeyId, answer.Plaintext)
}

func (e *exchanger) PublicKey() *ecdh.PublicKey {
	p, _ := e.public.(*ecdsa.PublicKey).ECDH() // it was parsed: it is on its curve
	return p
}

func (e *exchanger) Curve() ecdh.Curve { return e.PublicKey().Curve() }
func (e *exchanger) ECDH(ephemeral *ecdh.PublicKey) ([]byte, error) {
	if ephemeral == nil || ephemeral.Curve() != e.Curve() {
		return nil, fmt.Errorf("awskms: key %s: an ephemeral key on another curve: %w", e.arn, errors.ErrUnsupported)
	}
	der, _ := x509.MarshalPKIXPublicKey(ephemeral) // it is on a curve of NIST
	answer, err := e.client.DeriveSharedSecret(e.ctx, &kms.DeriveSharedSecretInput{KeyId: &e.arn, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh, PublicKey: der})
	if err != nil {
		return nil, explained(err, "kms:DeriveSharedSecret")
	}
	return answered(e.arn, answer.KeyId, answer.SharedSecret)
}

func answered(arn string, of *string, out []byte) ([]byte, error) {
	if aws.ToString(of) != arn {
		return nil, errAnswer
	}
	return out, nil
}

func codeOf(err error) (code string) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	return code
}

// explained adds what to do to an error of the service.
func explained(err error, permission string) error {
	switch codeOf(err) {
	case "InvalidCiphertextException", "IncorrectKeyException", "ValidationException", "InvalidArnException", "UnsupportedOperationException":
		return err
	case "NotFoundException":
		return fmt.Errorf("it is not in the region of the client: %w", err)
	case "AccessDeniedException":
		return fmt.Errorf("grant %s on the key, in its policy or by IAM: %w: %w", permission, keyset.ErrUnavailable, err)
	case "DisabledException", "KMSInvalidStateException":
		return fmt.Errorf("the key is disabled or to be deleted; enable it, or retire it: %w: %w", keyset.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", keyset.ErrUnavailable, err)
}

// Opener opens sources "awskms:KEY" for JOSE, where KEY is an ARN, a key ID, or an alias.
func Opener(client *kms.Client) keyset.Opener {
	return jwe.OpenRemote(func(ctx context.Context, source string, _ keyset.Use) (keyset.Remote, error) {
		id, ok := strings.CutPrefix(source, "awskms:")
		if !ok {
			return nil, fmt.Errorf("awskms: %.128q is not the source of a key in KMS", source)
		}
		return Open(ctx, client, id)
	})
}
