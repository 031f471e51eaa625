using System.Globalization;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Runtime;

namespace Microsoft.ML.Generative.Training.Reporting;

/// <summary>Writes previews to TensorBoard, to files with the step in their names, and to the log.</summary>
/// <param name="log">TensorBoard's log, if there is one.</param>
/// <param name="folder">The folder of the files, if any are wanted.</param>
internal sealed class PreviewWriter(TensorBoardLog? log, string? folder)
{
    public void Write(IChannel channel, long step, IReadOnlyList<PreviewItem> items)
    {
        log?.Write(channel, step, items);
        foreach (PreviewItem item in items)
        {
            if (folder is not null)
                Save(channel, folder, step, item);
            if (item.LogLine is { } line)
                channel.Info(line);
        }
    }

    // A full disk does not end the training.
    private static void Save(IChannel channel, string folder, long step, PreviewItem item)
    {
        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{item.Name}-{step:D6}{item.Extension}"));
        try
        {
            AtomicFile.Write(path, stream => stream.Write(item.ToFile()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            channel.Warning($"The preview '{path}' cannot be written: {e.Message}");
        }
    }
}
