namespace Microsoft.ML.Generative.Music;

/// <summary>A row with a piece of music, as data sets have them.</summary>
public sealed class MusicRow
{
    /// <summary>The name of the column of music.</summary>
    internal const string ColumnName = nameof(Music);

    /// <summary>Where the piece comes from.</summary>
    public string Name { get; set; } = "";

    /// <summary>The piece.</summary>
    [NoteSequenceType]
    public NoteSequence Music { get; set; } = new(NoteSequence.UsualTicksPerQuarter, []);
}
