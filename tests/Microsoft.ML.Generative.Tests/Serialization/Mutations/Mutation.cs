using System.Buffers.Binary;
using CsCheck;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// One damage to bytes. Plain numbers, so that a failing case can be shrunk and shown; they are taken modulo what there is.
/// </summary>
internal readonly record struct Mutation(Damage Damage, uint Where, uint How)
{
    private static readonly ulong[] _lengths =
        [0, 1, 2, 7, 255, 65_536, 99_999_999, 100_000_000, int.MaxValue, 1UL << 32, long.MaxValue, 1UL << 63, ulong.MaxValue];

    public static Gen<Mutation[]> Any { get; } = Some(Enum.GetValues<Damage>());

    public static Gen<Mutation[]> Some(params Damage[] damages) =>
        Gen.Select(Gens.OneOf(damages), Gen.UInt, Gen.UInt, (damage, where, how) => new Mutation(damage, where, how)).Array[1, 3];

    public static byte[] Apply(byte[] bytes, IEnumerable<Mutation> mutations) => mutations.Aggregate(bytes, (b, m) => m.Apply(b));

    private byte[] Apply(byte[] bytes)
    {
        if (bytes.Length == 0)
            return [(byte)How];

        int at = (int)(Where % (uint)bytes.Length);
        int count = Math.Min((int)(How % 61) + 1, bytes.Length - at);
        int other = (int)(How / 61 % (uint)bytes.Length);
        byte[] result = [.. bytes];
        switch (Damage)
        {
            case Damage.FlipBit:
                result[at] ^= (byte)(1 << (int)(How % 8));
                return result;
            case Damage.SetByte:
                result[at] = (byte)How;
                return result;
            case Damage.CutOff:
                return bytes[..at];
            case Damage.Append:
                return [.. bytes, .. new byte[count]];
            case Damage.Insert:
                return [.. bytes[..at], .. Enumerable.Repeat((byte)How, count), .. bytes[at..]];
            case Damage.Remove:
                return [.. bytes[..at], .. bytes[(at + count)..]];
            case Damage.Repeat:
                return [.. bytes[..(at + count)], .. bytes[at..]];
            case Damage.Splice:
                bytes.AsSpan(at, Math.Min(count, bytes.Length - other)).CopyTo(result.AsSpan(other));
                return result;
            case Damage.Length when bytes.Length >= sizeof(ulong):
                // Near the true length or far from it.
                ulong length = How % 2 == 0 ? _lengths[Where % (uint)_lengths.Length] : BinaryPrimitives.ReadUInt64LittleEndian(bytes)
                    + Where % 16 - 8;
                BinaryPrimitives.WriteUInt64LittleEndian(result, length);
                return result;
            default:
                return result;
        }
    }
}

internal enum Damage
{
    FlipBit,
    SetByte,
    CutOff,
    Append,
    Insert,
    Remove,
    Repeat,
    Splice,

    /// <summary>Of the first eight bytes, the length of a safetensors header.</summary>
    Length,
}
