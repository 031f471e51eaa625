using System.Globalization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Training.Checkpoints;

/// <summary>The checkpoints of one training. The folder is locked while it is open: two trainings in one would mix theirs up.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    private const string Extension = ".checkpoint";
    private const string DamagedExtension = ".damaged";
    private const string LockName = "training.lock";

    private readonly CheckpointOptions _options;
    private readonly string _directory;
    private readonly FileStream _lock;

    /// <exception cref="IOException">The folder cannot be written to, or another training uses it.</exception>
    public CheckpointFolder(CheckpointOptions options)
    {
        _options = options;
        _directory = options.NextDirectory;
        WritableFolder.Prepare(_directory, $"{nameof(TrainingOptions.Checkpoints)}.{nameof(CheckpointOptions.Directory)}");
        try
        {
            _lock = new FileStream(Path.Combine(_directory, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new IOException(
                $"The checkpoint folder '{_directory}' cannot be used ({e.Message}). Give each training a folder of its own.", e);
        }

        // A process that was killed while it wrote leaves these.
        foreach (string left in Directory.EnumerateFiles(_directory, $".*{Extension}.*.tmp"))
            File.Delete(left);
    }

    /// <summary>The newest valid checkpoint of a stage. Corrupt ones are quarantined, with a warning.</summary>
    public (string Path, CheckpointState State)? FindNewest(IChannel channel, string stage) =>
        FirstUsable(channel, Of(stage), CheckpointFile.ReadState);

    /// <summary>
    /// The state that the training was saved in last, whatever the stage: what it says of options and seed. Whether its tensors are valid
    /// is left to <see cref="FindNewest"/>, so that they are not read once more. Those whose state is corrupt are quarantined, with a
    /// warning.
    /// </summary>
    public (string Path, CheckpointState State)? FindEarlier(IChannel channel) =>
        FirstUsable(channel, All().OrderByDescending(File.GetLastWriteTimeUtc), CheckpointFile.ReadStateOnly);

    private static (string Path, CheckpointState State)? FirstUsable(
        IChannel channel, IEnumerable<string> paths, Func<string, CheckpointState> read)
    {
        foreach (string path in paths)
        {
            try
            {
                return (path, read(path));
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException or ArgumentException)
            {
                File.Move(path, path + DamagedExtension, overwrite: true);
                channel.Warning(
                    $"The checkpoint '{path}' is corrupt and was quarantined as '{Path.GetFileName(path)}{DamagedExtension}': {e.Message}");
            }
        }

        return null;
    }

    /// <summary>Writes a checkpoint, and deletes those that are more than shall be kept of its stage.</summary>
    public string Save(CheckpointState state, IEnumerable<(string Name, torch.Tensor Tensor)> tensors)
    {
        string path = Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"{state.Stage}-{state.Step:D12}{Extension}"));
        CheckpointFile.Write(path, state, tensors);
        foreach (string old in Of(state.Stage).Skip(_options.Keep).ToArray())
            File.Delete(old);
        return path;
    }

    public void Dispose() => _lock.Dispose();

    private IEnumerable<string> All() => Directory.EnumerateFiles(_directory, $"*{Extension}");

    // Newest first: the step is written with leading zeros.
    private IEnumerable<string> Of(string stage) => Directory.EnumerateFiles(_directory, $"{stage}-*{Extension}")
        .Where(path => Path.GetFileNameWithoutExtension(path)[(stage.Length + 1)..].All(char.IsAsciiDigit))
        .OrderDescending(StringComparer.Ordinal);
}
