// One operation of a partner on Bouncy Castle: see older_test.go.
//
//   java BouncyCastle.java seal CERTIFICATE FILE SEALED
//   java BouncyCastle.java open KEY CERTIFICATE SEALED FILE
import java.io.*;
import java.nio.file.*;
import java.security.SecureRandom;
import java.util.*;
import org.bouncycastle.bcpg.SymmetricKeyAlgorithmTags;
import org.bouncycastle.openpgp.*;
import org.bouncycastle.openpgp.bc.*;
import org.bouncycastle.openpgp.operator.bc.*;

class BouncyCastle {
    public static void main(String[] a) throws Exception {
        if (a[0].equals("seal")) {
            seal(a[1], Files.readAllBytes(Path.of(a[2])), a[3]);
        } else {
            open(a[1], a[2], a[3], a[4]);
        }
    }

    // It takes the last subkey that can encrypt, as those do who want the newest.
    static void seal(String certificate, byte[] body, String sealed) throws Exception {
        PGPPublicKey to = null;
        for (PGPPublicKey k : new BcPGPPublicKeyRing(decoded(certificate))) {
            if (k.isEncryptionKey() && !k.isMasterKey()) to = k;
        }
        PGPEncryptedDataGenerator g = new PGPEncryptedDataGenerator(
            new BcPGPDataEncryptorBuilder(SymmetricKeyAlgorithmTags.AES_256).setWithIntegrityPacket(true).setSecureRandom(new SecureRandom()));
        g.addMethod(new BcPublicKeyKeyEncryptionMethodGenerator(to));
        ByteArrayOutputStream inner = new ByteArrayOutputStream();
        OutputStream literal = new PGPLiteralDataGenerator().open(inner, PGPLiteralData.BINARY, "", body.length, new Date());
        literal.write(body);
        literal.close();
        try (OutputStream out = new FileOutputStream(sealed); OutputStream data = g.open(out, inner.size())) {
            data.write(inner.toByteArray());
        }
    }

    static void open(String key, String certificate, String sealed, String to) throws Exception {
        PGPSecretKeyRing own = new BcPGPSecretKeyRing(decoded(key));
        PGPPublicKeyRing peer = new BcPGPPublicKeyRing(decoded(certificate));
        PGPEncryptedDataList all = (PGPEncryptedDataList) new BcPGPObjectFactory(decoded(sealed)).nextObject();
        for (Object o : all) {
            PGPPublicKeyEncryptedData data = (PGPPublicKeyEncryptedData) o;
            PGPSecretKey secret = own.getSecretKey(data.getKeyID());
            if (secret == null) continue;
            PGPPrivateKey unlocked = secret.extractPrivateKey(new BcPBESecretKeyDecryptorBuilder(new BcPGPDigestCalculatorProvider()).build(new char[0]));
            BcPGPObjectFactory in = new BcPGPObjectFactory(data.getDataStream(new BcPublicKeyDataDecryptorFactory(unlocked)));
            in.nextObject(); // the one-pass signatures
            byte[] body = ((PGPLiteralData) in.nextObject()).getInputStream().readAllBytes();
            for (PGPSignature s : (PGPSignatureList) in.nextObject()) {
                PGPPublicKey by = peer.getPublicKey(s.getKeyID());
                if (by == null) continue;
                s.init(new BcPGPContentVerifierBuilderProvider(), by);
                s.update(body);
                if (s.verify() && data.verify()) {
                    Files.write(Path.of(to), body);
                    return;
                }
            }
        }
        throw new IOException("not opened, or not signed");
    }

    static InputStream decoded(String name) throws IOException {
        return PGPUtil.getDecoderStream(new BufferedInputStream(new FileInputStream(name)));
    }
}
