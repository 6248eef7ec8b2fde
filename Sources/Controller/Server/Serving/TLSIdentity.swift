import Crypto
import Foundation
import Glibc
import NIOSSL
import SwiftASN1
import X509

/// A certificate with its key, and what agents pin of it.
struct TLSIdentity {
    let configuration: TLSConfiguration
    /// SHA-256 of the key's SubjectPublicKeyInfo, 32 bytes.
    let pin: [UInt8]

    /// Reads PEM files of the operator's.
    static func files(certificate: String, key: String) throws -> TLSIdentity {
        let chain = try read(certificate)
        let keyText = try read(key)
        do {
            let privateKey = try NIOSSLPrivateKey(bytes: Array(keyText.utf8), format: .pem)
            return try TLSIdentity(chain: chain, key: privateKey)
        } catch {
            throw ServeError("\(certificate), \(key): no certificate with its key: \(error)")
        }
    }

    /// Reads the controller's own certificate and key, or makes them.
    ///
    /// A damaged file is named and left as it is: agents have pinned the key that was in it.
    static func own(in directory: StateDirectory, host: String) throws -> TLSIdentity {
        let (keyPath, certificatePath) = (
            directory.file("tls-key.pem"), directory.file("tls-certificate.pem")
        )
        let key: P256.Signing.PrivateKey
        if FileManager.default.fileExists(atPath: keyPath) {
            key = try readKey(keyPath)
        } else {
            key = P256.Signing.PrivateKey()
            try StateDirectory.write(key.pemRepresentation + "\n", to: keyPath)
        }
        if !FileManager.default.fileExists(atPath: certificatePath) {
            let certificate = try selfSigned(key, host: host).serializeAsPEM().pemString
            try StateDirectory.write(certificate + "\n", to: certificatePath)
        }
        let chain = try read(certificatePath)
        do {
            let privateKey = try NIOSSLPrivateKey(
                bytes: Array(key.pemRepresentation.utf8), format: .pem)
            let identity = try TLSIdentity(chain: chain, key: privateKey)
            guard identity.pin == Array(SHA256.hash(data: key.publicKey.derRepresentation)) else {
                throw ServeError("it belongs to another key")
            }
            return identity
        } catch {
            throw ServeError(
                """
                \(certificatePath) cannot be used: \(error); remove it, and it is made anew for \
                the same key
                """)
        }
    }

    private init(chain: String, key: NIOSSLPrivateKey) throws {
        let certificates = try NIOSSLCertificate.fromPEMBytes(Array(chain.utf8))
        guard let leaf = certificates.first else { throw ServeError("there is no certificate") }
        pin = Array(SHA256.hash(data: try leaf.extractPublicKey().toSPKIBytes()))
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = ["http/1.1"]
        // Refuses here and now a key that is not the certificate's.
        _ = try NIOSSLContext(configuration: configuration)
        self.configuration = configuration
    }

    private static func readKey(_ path: String) throws -> P256.Signing.PrivateKey {
        do {
            return try P256.Signing.PrivateKey(pemRepresentation: try read(path))
        } catch {
            throw ServeError(
                """
                \(path) holds no P-256 key: put a backup in its place; without the key that \
                agents have pinned, each has to join anew
                """)
        }
    }

    private static func read(_ path: String) throws -> String {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            throw ServeError("cannot read \(path)")
        }
    }

    private static func selfSigned(
        _ key: P256.Signing.PrivateKey, host: String
    ) throws -> Certificate {
        let name = try DistinguishedName { CommonName("tollkeeper") }
        let own = Certificate.PrivateKey(key)
        let now = Date()
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: own.publicKey,
            notValidBefore: now.addingTimeInterval(-86_400),
            notValidAfter: now.addingTimeInterval(20 * 365.25 * 86_400), issuer: name,
            subject: name, signatureAlgorithm: .ecdsaWithSHA256,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                SubjectAlternativeNames([.dnsName("localhost"), .dnsName(host)])
            }, issuerPrivateKey: own)
    }
}
