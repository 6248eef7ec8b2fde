#!/bin/sh
# The rules behind messages.hex, in a namespace of their own:
#   unshare -n sh -c 'sh rules.sh && python3 record.py > messages.hex'
set -e
nft -f - <<'RULES'
table inet t {
    set ports { type inet_service; counter; elements = { 80, 443 comment "web" } }
    set ranges { type inet_service; flags interval; counter; elements = { 1000-1999, 2000-2999, 5 } }
    set both {
        type inet_proto . inet_service; flags interval; counter
        elements = { tcp . 80-90, udp . 53 comment "dns" }
    }
    set clients {
        type ipv4_addr; flags interval; counter
        elements = { 10.8.1.0/24, 10.9.0.1 comment "alice", 10.9.0.4-10.9.0.6 }
    }
    set mixed { type inet_service; counter; elements = { 7 } }
    set unasked { type inet_service; counter; elements = { 7 } }
    set block { type ipv4_addr; elements = { 192.0.2.1 } }
    map verdicts { type inet_service : verdict; counter; elements = { 8080 : accept } }
    counter web {
    }
    counter out {
    }
    quota trial {
        over 5000 bytes
    }
    chain counted {
        tcp dport 21 counter
        tcp sport 21 counter comment "served"
    }
    chain leaving {
        tcp sport 22 counter
    }
    chain twice {
        tcp dport 23 counter
        tcp dport 23 counter comment "twice"
    }
    chain unreached {
        tcp dport 24 counter
    }
    chain raw {
        type filter hook prerouting priority -300
        tcp dport 25 counter
        jump twice
    }
    chain first {
        type nat hook prerouting priority -100
        tcp dport 26 counter
        tcp dport 26 counter comment "first packets"
    }
    chain input {
        type filter hook input priority 0
        ip saddr @block drop
        tcp dport 80 counter accept
        udp dport 1000-2000 counter comment "a port has no other name"
        tcp dport { 80, 443, 1000-1005 } counter
        meta l4proto { tcp, udp } th dport 53 counter
        meta l4proto . th dport { tcp . 80, tcp . 81 } counter
        meta l4proto . th dport { tcp . 80, udp . 53 } counter
        th dport 54 counter
        tcp dport > 65000 counter
        tcp dport != 9 counter
        tcp dport 9 tcp sport 9 counter
        tcp sport 443 counter
        counter tcp dport 81 counter drop
        ip saddr 10.8.1.0/25 counter
        ip saddr 10.8.0.0/16 counter comment "bob"
        ip daddr 10.8.1.9 counter
        ip6 saddr fd00::/64 counter
        ip protocol tcp tcp dport 82 counter
        meta nfproto ipv6 tcp dport 83 counter
        ct state new tcp dport 99 counter
        iifname "lo" tcp dport 99 counter comment "carol"
        sctp dport 100 counter
        tcp dport @ports
        tcp dport @ranges
        meta l4proto . th dport @both
        ip saddr @clients
        tcp dport @mixed
        tcp dport vmap @verdicts
        tcp dport vmap { 22 : jump counted }
        jump twice
        tcp dport 84 counter name web
        counter name tcp dport map { 85 : "web" }
        quota name trial
    }
    chain forward {
        type filter hook forward priority 0
        tcp dport 86 counter
        tcp sport 86 counter
    }
    chain output {
        type filter hook output priority 0
        tcp sport 80 counter
        tcp dport 80 counter
        tcp dport 80 counter comment "elsewhere"
        tcp sport @mixed
        counter name out
        goto leaving
    }
}
table inet tollkeeper {
    chain input {
        type filter hook input priority 0
        tcp dport 80 counter
    }
}
RULES
for program in iptables-nft ip6tables-nft; do
    for transport in tcp udp; do
        $program -I INPUT -p "$transport" --dport 8443 -j ACCEPT
        $program -I OUTPUT -p "$transport" --sport 8443
    done
    $program -A INPUT -p tcp -m multiport --dports 80,443,1000:1005 -m comment --comment many
    $program -A INPUT -p tcp -m multiport --ports 80 -m comment --comment either
    $program -A INPUT -p tcp --dport 7 --syn
    $program -A FORWARD -m comment --comment dave
done
iptables-nft -A INPUT -s 10.8.0.0/24 -m comment --comment erin
iptables-nft -A INPUT -s 10.8.0.0/23
