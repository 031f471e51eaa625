using Microsoft.ML.Generative.Music;

namespace Microsoft.ML.Generative;

/// <summary>Data sets of music. Each row is a <see cref="MusicRow"/>: the columns <c>Name</c> and <c>Music</c>.</summary>
public static class MusicDatasetExtensions
{
    /// <summary>
    /// JSB Chorales: Bach's chorales for four voices, 229 to train on, 76 to validate and 77 to test with, split as the literature does.
    /// </summary>
    /// <param name="datasets">The data sets.</param>
    /// <param name="file">The file, which says how long a step is. Figures of different steps are not comparable.</param>
    /// <returns>The three parts, in memory.</returns>
    /// <remarks>
    /// <para>
    /// Read from the folder <c>jsb-chorales</c> within <see cref="GenerativeCatalog.DataDirectory"/>. The files do not say where a pitch is
    /// struck again: what lasts over several steps is one note. Only <see cref="JsbFile.SixteenthVoices"/> keeps the voices separate.
    /// </para>
    /// <para>
    /// Many pieces of the test part are a training piece in another key: <see cref="MusicSplit.KeepTranspositionsTogether"/> makes a split
    /// that keeps these together. N. Boulanger-Lewandowski, Y. Bengio, P. Vincent, "Modeling temporal dependencies in high-dimensional
    /// sequences", 2012; files: <see href="https://github.com/czhuang/JSB-Chorales-dataset"/>.
    /// </para>
    /// </remarks>
    /// <exception cref="FileNotFoundException">The file is missing; the message says where to put it.</exception>
    /// <exception cref="InvalidDataException">The file is not valid; the message says where.</exception>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// MusicSplit chorales = mlContext.Generative().Datasets.JsbChorales(JsbFile.Quarter);
    /// Console.WriteLine(chorales.TestSet.GetRowCount());   // 77
    /// </code>
    /// </example>
    public static MusicSplit JsbChorales(this DatasetCatalog datasets, JsbFile file = JsbFile.SixteenthVoices)
    {
        ArgumentNullException.ThrowIfNull(datasets);
        return ChoraleFile.Read(datasets.Context, datasets.DataDirectory, file);
    }

    /// <summary>The MIDI files of a folder and of those in it, in the order of their paths.</summary>
    /// <param name="datasets">The data sets.</param>
    /// <param name="folder">The folder. Files that end in .mid or .midi are read.</param>
    /// <returns>The pieces, in memory; <c>Name</c> is the path within the folder.</returns>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="ArgumentException">The folder has no MIDI files.</exception>
    /// <exception cref="InvalidDataException">A file is not valid; the message names it.</exception>
    /// <example>
    /// <code>
    /// var mlContext = new MLContext(seed: 1);
    /// IDataView tunes = mlContext.Generative().Datasets.MidiFolder("nottingham");
    /// </code>
    /// </example>
    public static IDataView MidiFolder(this DatasetCatalog datasets, string folder)
    {
        ArgumentNullException.ThrowIfNull(datasets);
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        string[] paths = [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(path => Path.GetExtension(path).ToLowerInvariant() is ".mid" or ".midi").Order(StringComparer.Ordinal)];
        if (paths.Length == 0)
            throw new ArgumentException($"The folder '{folder}' has no MIDI files; expected names that end in .mid or .midi.");
        return datasets.Context.Data.LoadFromEnumerable<MusicRow>(
            [.. paths.Select(path => new MusicRow { Name = Path.GetRelativePath(folder, path), Music = MidiFile.Read(path) })]);
    }
}
