using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Music;

/// <summary>Music to train, validate and test with.</summary>
public sealed class MusicSplit
{
    // The stream of the seed that orders the groups.
    private const long GroupStream = 71;

    private readonly MLContext _context;
    private readonly MusicRow[] _train;
    private readonly MusicRow[] _validation;
    private readonly MusicRow[] _test;

    internal MusicSplit(MLContext context, MusicRow[] train, MusicRow[] validation, MusicRow[] test)
    {
        (_context, _train, _validation, _test) = (context, train, validation, test);
        TrainSet = context.Data.LoadFromEnumerable(train);
        ValidationSet = context.Data.LoadFromEnumerable(validation);
        TestSet = context.Data.LoadFromEnumerable(test);
    }

    /// <summary>Pieces to train on.</summary>
    public IDataView TrainSet { get; }

    /// <summary>Pieces to choose options and the end of a training with.</summary>
    public IDataView ValidationSet { get; }

    /// <summary>Pieces to measure with.</summary>
    public IDataView TestSet { get; }

    /// <summary>Pieces of the test part whose melody is, in whatever key, that of a piece to train on.</summary>
    /// <returns>The number of pieces.</returns>
    public int CountTestTranspositions()
    {
        HashSet<string> known = [.. _train.Select(row => MelodyShape.Of(row.Music))];
        return _test.Count(row => known.Contains(MelodyShape.Of(row.Music)));
    }

    /// <summary>
    /// Splits the same pieces again, into parts of the same sizes as nearly as possible, so that pieces with one melody in several keys are
    /// all in one part.
    /// </summary>
    /// <param name="seed">Decides which pieces go where.</param>
    /// <returns>The split.</returns>
    /// <remarks>Pieces have one melody where their highest voices begin with the same twelve intervals, rhythm aside.</remarks>
    public MusicSplit KeepTranspositionsTogether(int seed = 0)
    {
        MusicRow[][] groups = [.. _train.Concat(_validation).Concat(_test).GroupBy(row => MelodyShape.Of(row.Music))
            .Select(group => group.ToArray())];
        var random = new RowRandom(seed, GroupStream);
        for (int i = groups.Length - 1; i > 0; i--)
        {
            int j = random.Next(i + 1);
            (groups[i], groups[j]) = (groups[j], groups[i]);
        }

        List<MusicRow> train = [], validation = [], test = [];
        foreach (MusicRow[] group in groups)
        {
            List<MusicRow> part = test.Count + group.Length <= _test.Length ? test
                : validation.Count + group.Length <= _validation.Length ? validation
                : train;
            part.AddRange(group);
        }

        return new MusicSplit(_context, [.. train], [.. validation], [.. test]);
    }
}
