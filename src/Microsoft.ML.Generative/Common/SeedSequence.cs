using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Common;

/// <summary>Derives the seeds of independent streams from one seed.</summary>
internal static class SeedSequence
{
    private const ulong StreamSpacing = 0xbf58476d1ce4e5b9;

    /// <summary>The seed of the options, else the context's, else a new one.</summary>
    public static long Choose(IHostEnvironment env, int? seed) => seed ?? (env as IHostEnvironmentInternal)?.Seed ?? Random.Shared.Next();

    /// <summary>The seed of the stream with the given number; never negative, as libtorch's generators require.</summary>
    public static long Derive(long seed, long stream) =>
        (long)(SplitMix64.Mix(new SplitMix64((ulong)seed).Next() ^ (ulong)stream * StreamSpacing) >> 1);

    /// <summary>The seeds of <paramref name="count"/> streams, one per generated row.</summary>
    public static long[] DeriveMany(long seed, int start, int count) => [.. Enumerable.Range(start, count).Select(i => Derive(seed, i))];
}
