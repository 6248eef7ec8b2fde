#!/bin/sh
# certificate.sh DIR NAME: makes DIR/NAME.pem and DIR/NAME.key, self-signed for the host name
# "localhost", and prints the pin of the key: SHA-256 of its SubjectPublicKeyInfo in base64.
set -eu
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
    -keyout "$1/$2.key" -out "$1/$2.pem" 2>/dev/null
openssl x509 -in "$1/$2.pem" -pubkey -noout | openssl pkey -pubin -outform der |
    openssl dgst -sha256 -binary | base64
