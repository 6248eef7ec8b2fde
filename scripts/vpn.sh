# A VPN of namespaces on wireguard-go: one server, its clients, and traffic; to be sourced.
# shellcheck shell=bash

# How many bytes each echo request of a client carries: some use more than others.
declare -A sizes=([alice]=1300 [bob]=700 [carol]=200)
clients=(alice bob carol)
server_address=10.77.0.1
vpn_pids=()
traffic_pids=()
namespaces=()

# Makes it all. Sets `interface`, and `wireguard_folder`, which has its configuration as
# /etc/wireguard would.
start_vpn() {
    [ -c /dev/net/tun ] || fail "there is no /dev/net/tun; load it with: modprobe tun"
    local name number=0
    interface="demo$$"
    vpn_folder="$(mktemp -d /tmp/tollkeeper-vpn.XXXXXX)"
    wireguard_folder="$vpn_folder/wireguard"
    configuration="$wireguard_folder/$interface.conf"
    mkdir -m 700 "$wireguard_folder"

    say "Making a VPN: interface $interface with the clients ${clients[*]}"
    make_keys server
    (umask 077 && cat > "$configuration") << TEXT
[Interface]
PrivateKey = $(< "$vpn_folder/server.key")
ListenPort = 51820
TEXT
    make_namespace server
    start_device server "$interface"
    for name in "${clients[@]}"; do
        number=$((number + 1))
        add_client "$name" "$number"
    done
    in_namespace server wg setconf "$interface" "$configuration"
    in_namespace server ip address add "$server_address/24" dev "$interface"
    in_namespace server ip link set "$interface" up
}

start_traffic() {
    local name
    for name in "${clients[@]}"; do
        # Not through a function: that would be a shell's process, and ending it would not end ping.
        ip netns exec "tkdemo$$-$name" setsid ping -n -q -i 0.05 -s "${sizes[$name]}" \
            "$server_address" > /dev/null 2>&1 &
        traffic_pids+=($!)
    done
}

stop_traffic() {
    local pid
    for pid in ${traffic_pids[@]+"${traffic_pids[@]}"}; do end_process "$pid"; done
    traffic_pids=()
}

# Whether NAME gets an answer through the tunnel within two seconds.
reaches_server() {
    in_namespace "$1" ping -n -q -c 1 -w 2 "$server_address" > /dev/null 2>&1
}

# What WireGuard itself says of NAME: bytes received from it and sent to it.
shown_transfer() {
    in_namespace server wg show "$interface" transfer |
        awk -v key="$(< "$vpn_folder/$1.pub")" '$1 == key { print $2, $3 }'
}

# Takes away everything that was made.
stop_vpn() {
    local pid name
    stop_traffic
    for pid in ${vpn_pids[@]+"${vpn_pids[@]}"}; do end_process "$pid"; done
    for name in ${namespaces[@]+"${namespaces[@]}"}; do ip netns delete "$name" || true; done
    [ -z "${vpn_folder:-}" ] || rm -rf "$vpn_folder"
    vpn_pids=() namespaces=() vpn_folder=''
}

in_namespace() {
    local name="$1"
    shift
    ip netns exec "tkdemo$$-$name" "$@"
}

make_keys() {
    (umask 077 && wg genkey > "$vpn_folder/$1.key" && wg genpsk > "$vpn_folder/$1.psk")
    wg pubkey < "$vpn_folder/$1.key" > "$vpn_folder/$1.pub"
}

make_namespace() {
    ip netns add "tkdemo$$-$1"
    namespaces+=("tkdemo$$-$1")
    in_namespace "$1" ip link set lo up
}

# Starts the daemon of DEVICE in the namespace of NAME.
start_device() {
    ip netns exec "tkdemo$$-$1" setsid wireguard-go -f "$2" > "$vpn_folder/$1.log" 2>&1 &
    vpn_pids+=($!)
    within 10 in_namespace "$1" wg show "$2" > /dev/null 2>&1 ||
        fail "wireguard-go did not start: $(tail -n 3 "$vpn_folder/$1.log")"
}

# The client NAME: keys, a namespace joined to the server's by a cable, a device, a [Peer] block.
add_client() {
    local name="$1" number="$2" device="demo$$${1:0:1}"
    make_keys "$name"
    make_namespace "$name"
    ip link add cable netns "tkdemo$$-$name" type veth \
        peer name "cable$number" netns "tkdemo$$-server"
    in_namespace "$name" ip address add "192.168.$number.2/24" dev cable
    in_namespace "$name" ip link set cable up
    in_namespace server ip address add "192.168.$number.1/24" dev "cable$number"
    in_namespace server ip link set "cable$number" up
    start_device "$name" "$device"
    in_namespace "$name" wg set "$device" private-key "$vpn_folder/$name.key" \
        peer "$(< "$vpn_folder/server.pub")" preshared-key "$vpn_folder/$name.psk" \
        endpoint "192.168.$number.1:51820" allowed-ips 10.77.0.0/24
    in_namespace "$name" ip address add "10.77.0.$((number + 1))/32" dev "$device"
    in_namespace "$name" ip link set "$device" up
    in_namespace "$name" ip route add 10.77.0.0/24 dev "$device"
    cat >> "$configuration" << TEXT

# $name
[Peer]
PublicKey = $(< "$vpn_folder/$name.pub")
PresharedKey = $(< "$vpn_folder/$name.psk")
AllowedIPs = 10.77.0.$((number + 1))/32
TEXT
}
