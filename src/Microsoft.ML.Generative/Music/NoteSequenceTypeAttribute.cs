using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.Music;

/// <summary>Makes a property or field of a row class a column of music.</summary>
/// <example>
/// <code>
/// var mlContext = new MLContext(seed: 1);
/// IDataView data = mlContext.Data.LoadFromEnumerable([new MusicRow { Music = MidiFile.Read("song.mid") }]);
/// </code>
/// </example>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class NoteSequenceTypeAttribute : DataViewTypeAttribute
{
    /// <inheritdoc/>
    public override bool Equals(DataViewTypeAttribute? other) => other is NoteSequenceTypeAttribute;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NoteSequenceTypeAttribute;

    /// <inheritdoc/>
    public override int GetHashCode() => nameof(NoteSequenceTypeAttribute).Length;

    /// <inheritdoc/>
    public override void Register() => DataViewTypeManager.Register(NoteSequenceDataViewType.Instance, typeof(NoteSequence), this);
}
