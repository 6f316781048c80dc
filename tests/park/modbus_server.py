"""A Modbus device by pymodbus, with every type in every byte order. Serves until killed.

Without an argument over TCP, and prints its port; with the path of a serial line as RTU on it, and prints the path.

Unit 1. The numbers are packed here, by struct, and not by the code under test.
Holding and input registers hold the same; coils 0..15 and discrete inputs 0..15 alternate, starting with 1.
"""

import asyncio
import logging
import struct
import sys

from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

# By size in bytes; the letters are positions in the big-endian form.
ORDERS = {
    2: ["AB", "BA"],
    4: ["ABCD", "CDAB", "BADC", "DCBA"],
    8: ["ABCDEFGH", "GHEFCDAB", "BADCFEHG", "HGFEDCBA", "CDABGHEF", "DCBAHGFE", "EFGHABCD", "FEHGBADC"],
}

# Address of the first form, struct code, number; the other orders follow without a gap.
NUMBERS = [
    (0, "H", 0xBEEF),
    (10, "h", -12345),
    (20, "I", 0xDEADBEEF),
    (30, "i", -123456789),
    (40, "f", 123456.0),
    (200, "Q", 0xFEDCBA9876543210),
    (240, "q", -1234567890123456789),
    (280, "d", -2.718281828459045),
]


def registers(data):
    return list(struct.unpack(f">{len(data) // 2}H", data))


def memory():
    """320 registers; those that hold nothing hold 0xEEEE, so that a wrong place is seen."""
    table = [0xEEEE] * 320
    for address, code, number in NUMBERS:
        big_endian = struct.pack(f">{code}", number)
        for letters in ORDERS[len(big_endian)]:
            data = bytes(big_endian["ABCDEFGH".index(letter)] for letter in letters)
            table[address : address + len(data) // 2] = registers(data)
            address += len(data) // 2
    table[110] = 0x1234  # BCD
    table[111:113] = [0x1234, 0x5678]
    table[113] = 0x12A4  # not BCD
    table[114:116] = [0x7FC0, 0x0000]  # NaN
    table[120:124] = registers("压机-7".encode())
    table[124:127] = registers(b"AB C\0?")
    table[127:130] = registers(b"BAC ?\0")  # the same with swapped bytes
    table[130] = 0b1000_0000_0000_1000
    table[131:134] = [0x4155, 0x4255, 0x0055]  # "AB" in the upper bytes
    table[134:137] = [0x5541, 0x5542, 0x5500]  # "AB" in the lower bytes
    table[137:139] = [2301, 0xFFFF]  # 230.1: tenths, as the second says
    table[139:141] = [2301, 0x8000]  # a scale that is not implemented
    return table


async def main():
    logging.disable()  # it would log each request that it refuses
    bits = [address % 2 == 0 for address in range(16)]
    table = memory()
    words = SimData(0, values=table, datatype=DataType.REGISTERS)
    switches = SimData(0, values=bits, datatype=DataType.BITS)
    device = SimDevice(1, simdata=([switches], [switches], [words], [words]))
    if len(sys.argv) > 1:
        server = ModbusSerialServer(device, port=sys.argv[1], baudrate=115200)
        await server.serve_forever(background=True)
        print(sys.argv[1], flush=True)
    else:
        server = ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
