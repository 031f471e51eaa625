using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Music.Midi;

/// <summary>
/// Checks the structure of a MIDI file and copies what pieces are made of, so that the library that reads the events meets neither lengths
/// beyond the file nor events that it does not know.
/// </summary>
internal sealed class MidiChunks
{
    private const int MostTracks = 1024;
    private const int MostEvents = 1 << 20;
    private const int ChunkHeader = 8;
    private const int HeaderLength = 6;

    private const byte EndOfTrack = 0x2F;
    private const byte Tempo = 0x51;
    private const byte Meter = 0x58;
    private const byte Signature = 0x59;

    private readonly string _name;
    private readonly byte[] _file;
    private readonly List<byte> _copy = [];
    private int _place;
    private int _events;

    private MidiChunks(string name, byte[] file) => (_name, _file) = (name, file);

    /// <summary>A file with the same notes, programs, tempos, meters and keys, and no running status.</summary>
    /// <exception cref="InvalidDataException">The file is not valid or not supported.</exception>
    public static byte[] Normalize(byte[] file, string name) => new MidiChunks(name, file).Normalize();

    private byte[] Normalize()
    {
        if (_file.Length < ChunkHeader + HeaderLength || !_file.AsSpan(0, 4).SequenceEqual("MThd"u8))
            throw Bad(0, "does not begin with the header of a MIDI file, 'MThd'");
        uint headerLength = BinaryPrimitives.ReadUInt32BigEndian(_file.AsSpan(4));
        if (headerLength < HeaderLength || headerLength > _file.Length - ChunkHeader)
            throw Bad(4, $"has a header of {headerLength} bytes; expected {HeaderLength} or more, within the file");
        int format = Word(8), tracks = Word(10), division = Word(12);
        if (format > 1)
            throw Bad(8, $"has the format {format}; supported values: 0 and 1");
        if (tracks is 0 or > MostTracks)
            throw Bad(10, $"has {tracks} tracks; expected 1 to {MostTracks}");
        if (division is 0 or > NoteSequence.MostTicksPerQuarter)
            throw Bad(12, $"has the division 0x{division:X4}; expected ticks per quarter note, 1 to {NoteSequence.MostTicksPerQuarter}");

        _copy.AddRange("MThd\0\0\0\x06\0\x01"u8);
        WriteWord(tracks);
        WriteWord(division);
        _place = ChunkHeader + (int)headerLength;
        for (int track = 0; track < tracks;)
        {
            if (_file.Length - _place < ChunkHeader)
                throw Bad(_place, $"ends behind track {track} of {tracks}");
            bool isTrack = _file.AsSpan(_place, 4).SequenceEqual("MTrk"u8);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(_file.AsSpan(_place + 4));
            if (length > _file.Length - _place - ChunkHeader)
                throw Bad(_place + 4, $"has a chunk of {length:N0} bytes, which ends beyond the file");
            _place += ChunkHeader;
            int end = _place + (int)length;
            if (isTrack)
            {
                CopyTrack(end);
                track++;
            }

            // Other chunks are to be ignored.
            _place = end;
        }

        return [.. _copy];
    }

    private void CopyTrack(int end)
    {
        _copy.AddRange("MTrk\0\0\0\0"u8);
        int start = _copy.Count;
        int running = 0;
        long tick = 0, written = 0;
        while (_place < end)
        {
            int at = _place;
            tick += Variable(end);
            if (tick > NoteSequence.MostTicks)
                throw Bad(at, $"has an event at tick {tick:N0}; expected at most {NoteSequence.MostTicks:N0}");
            if (++_events > MostEvents)
                throw Bad(at, $"has more than {MostEvents:N0} events");
            int status = Byte(end);
            if (status < 0x80)
            {
                _place--;
                status = running > 0 ? running : throw Bad(_place, "has a data byte where an event was expected");
            }

            if (status is 0xFF or 0xF0 or 0xF7)
            {
                int type = status == 0xFF ? Byte(end) : -1;
                int length = (int)Variable(end);
                if (length > end - _place)
                    throw Bad(_place, $"has an event of {length:N0} bytes, which ends beyond its track");
                ReadOnlySpan<byte> data = _file.AsSpan(_place, length);
                _place += length;
                if (type == EndOfTrack)
                    break;
                int expected = type switch { Tempo => 3, Meter => 4, Signature => 2, _ => -1 };
                if (expected < 0)
                    continue;
                if (length != expected)
                    throw Bad(at, $"has a meta event 0x{type:X2} of {length} bytes; expected {expected}");
                WriteEvent([0xFF, (byte)type, (byte)length, .. data]);
            }
            else if (status < 0xF0)
            {
                running = status;
                int count = status is >= 0xC0 and < 0xE0 ? 1 : 2;
                byte first = Data(end), second = count == 2 ? Data(end) : (byte)0;
                if (status is < 0xA0)
                    WriteEvent([(byte)status, first, second]);
                else if (status is >= 0xC0 and < 0xD0)
                    WriteEvent([(byte)status, first]);
            }
            else
            {
                throw Bad(at, $"has the status 0x{status:X2}, which files do not have");
            }
        }

        // The end of the track is where its last event is, so that notes that never end have one.
        WriteEvent([0xFF, EndOfTrack, 0]);
        BinaryPrimitives.WriteInt32BigEndian(CollectionsMarshal.AsSpan(_copy)[(start - 4)..], _copy.Count - start);

        void WriteEvent(ReadOnlySpan<byte> bytes)
        {
            WriteVariable((int)(tick - written));
            _copy.AddRange(bytes);
            written = tick;
        }
    }

    private int Word(int place) => BinaryPrimitives.ReadUInt16BigEndian(_file.AsSpan(place));

    private int Byte(int end) => _place < end ? _file[_place++] : throw Bad(_place, "has a track that ends within an event");

    private byte Data(int end)
    {
        int value = Byte(end);
        return value < 0x80 ? (byte)value : throw Bad(_place - 1, $"has the byte 0x{value:X2} where data was expected");
    }

    private long Variable(int end)
    {
        long value = 0;
        for (int i = 0; i < 4; i++)
        {
            int part = Byte(end);
            value = value << 7 | (long)(part & 0x7F);
            if (part < 0x80)
                return value;
        }

        throw Bad(_place, "has a number of more than four bytes");
    }

    private void WriteVariable(int value)
    {
        for (int shift = 21; shift > 0; shift -= 7)
        {
            if (value >> shift > 0)
                _copy.Add((byte)(value >> shift & 0x7F | 0x80));
        }

        _copy.Add((byte)(value & 0x7F));
    }

    private void WriteWord(int value)
    {
        _copy.Add((byte)(value >> 8));
        _copy.Add((byte)value);
    }

    private InvalidDataException Bad(int place, string what) => new($"{_name} {what} (byte {place:N0}).");
}
