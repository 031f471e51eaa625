using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Common;

/// <summary>Seeds for independent streams out of one seed (SplitMix64; Steele, Lea, Flood 2014).</summary>
internal static class SeedSequence
{
    /// <summary>The seed asked for, else the context's, else a new one.</summary>
    public static long Choose(IHostEnvironment env, int? seed) => seed ?? (env as IHostEnvironmentInternal)?.Seed ?? Random.Shared.Next();

    /// <summary>The seed of the stream with the given number; never negative, as generators of libtorch want it.</summary>
    public static long Derive(long seed, long stream) =>
        (long)(Mix(Mix((ulong)seed + 0x9e3779b97f4a7c15) ^ (ulong)stream * 0xbf58476d1ce4e5b9) >> 1);

    /// <summary>The seeds of so many streams, one for each row that is drawn.</summary>
    public static long[] DeriveMany(long seed, int start, int count) => [.. Enumerable.Range(start, count).Select(i => Derive(seed, i))];

    public static ulong Mix(ulong x)
    {
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        return x ^ x >> 31;
    }
}
