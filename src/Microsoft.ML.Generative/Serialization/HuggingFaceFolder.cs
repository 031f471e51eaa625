using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>A folder in a layout of Hugging Face: JSON files, and weights as safetensors.</summary>
internal sealed class HuggingFaceFolder
{
    /// <summary>Why weights as Python pickles are refused, as the end of a sentence.</summary>
    public const string PickleReason = "a Python pickle: reading one can run code that it holds, so this library does not. "
        + "Convert the model to safetensors, as most publishers have";

    // Python pickles and archives of them. Reading one runs the code that it holds.
    private static readonly string[] _pickleExtensions = [".bin", ".ckpt", ".pt", ".pth", ".pkl"];

    private static readonly Dictionary<string, string> _metadata = new() { ["format"] = "pt" };

    private readonly string _layout;

    private HuggingFaceFolder(string path, string layout)
    {
        Path = path;
        _layout = layout;
    }

    public string Path { get; }

    /// <summary>Opens an existing folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="layout">The library whose layout it has, for error messages: diffusers.</param>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    public static HuggingFaceFolder Open(string path, string layout) => Directory.Exists(path)
        ? new HuggingFaceFolder(path, layout)
        : throw new DirectoryNotFoundException($"There is no folder '{path}'.");

    /// <summary>Creates a folder where it is missing.</summary>
    /// <inheritdoc cref="Open"/>
    public static HuggingFaceFolder Create(string path, string layout)
    {
        Directory.CreateDirectory(path);
        return new HuggingFaceFolder(path, layout);
    }

    public bool Has(string file) => File.Exists(PathOf(file));

    public string PathOf(string file) => System.IO.Path.Combine(Path, file);

    /// <summary>The path of a file that the model needs.</summary>
    /// <exception cref="FileNotFoundException">The folder has no such file.</exception>
    public string Existing(string file) => Has(file) ? PathOf(file) : throw Missing($"no '{file}'", file);

    /// <summary>Finds the folder of a component: its sub-folder, or this folder, where old repositories keep all components.</summary>
    /// <param name="component">The sub-folder's name.</param>
    /// <param name="file">The file that the component cannot do without.</param>
    /// <exception cref="FileNotFoundException">Neither has the file.</exception>
    public HuggingFaceFolder Component(string component, string file)
    {
        string inside = $"{component}/{file}";
        return Has(inside) ? new HuggingFaceFolder(PathOf(component), _layout)
            : Has(file) ? this
            : throw Missing($"neither '{inside}' nor '{file}'", inside);
    }

    /// <summary>Creates the sub-folder of a component.</summary>
    public HuggingFaceFolder CreateComponent(string component) => Create(PathOf(component), _layout);

    /// <summary>Reads a JSON file that the model needs.</summary>
    /// <exception cref="FileNotFoundException">The folder has no such file.</exception>
    /// <exception cref="InvalidDataException">The file is not an object in well-formed JSON, or is too long.</exception>
    public T ReadJson<T>(string file, Func<ConfigReader, T> read) => ConfigReader.ReadFile(Existing(file), read);

    /// <summary>Writes a JSON file, which appears under its name only when it is complete.</summary>
    public void WriteJson(string file, JsonObject json) =>
        WriteFile(file, JsonSerializer.SerializeToUtf8Bytes(json, ModelConfigJson.Options));

    /// <summary>Writes a file, which appears under its name only when it is complete.</summary>
    public void WriteFile(string file, byte[] bytes) => AtomicFile.Write(PathOf(file), stream => stream.Write(bytes));

    /// <summary>Writes weights as one safetensors file, or as shards with an index where they are large.</summary>
    /// <param name="tensors">The weights.</param>
    /// <param name="name">The beginning of the files' names.</param>
    /// <param name="metadata">What else is noted in the file's header. Default: nothing.</param>
    public void WriteWeights(
        IEnumerable<(string Name, torch.Tensor Tensor)> tensors, string name = SafetensorsReader.DefaultName,
        IReadOnlyDictionary<string, string>? metadata = null) =>
        SafetensorsShards.Write(
            Path, tensors, metadata: metadata is null ? _metadata : _metadata.Concat(metadata).ToDictionary(m => m.Key, m => m.Value),
            name: name);

    /// <summary>Opens weights: <c>{name}.safetensors</c>, or its index and the shards.</summary>
    /// <param name="name">The beginning of the files' names.</param>
    /// <param name="warn">Receives a sentence where an index contradicts its files in what nobody needs. Default: nobody.</param>
    /// <exception cref="FileNotFoundException">The folder has neither.</exception>
    /// <exception cref="InvalidDataException">A file is not valid, or the folder has its weights as Python pickles only.</exception>
    public ISafetensorsReader OpenWeights(string name = SafetensorsReader.DefaultName, Action<string>? warn = null)
    {
        if (!Has(name + SafetensorsReader.Extension) && !Has(name + SafetensorsReader.IndexExtension) && FindPickle() is { } pickle)
        {
            throw new InvalidDataException(
                $"The folder '{Path}' has no '{name}{SafetensorsReader.Extension}', and its weights are in '{pickle}', {PickleReason}.");
        }

        return SafetensorsReader.Open(Path, name, warn);
    }

    public static bool IsPickle(string file) =>
        _pickleExtensions.Contains(System.IO.Path.GetExtension(file), StringComparer.OrdinalIgnoreCase);

    /// <summary>Checks that weights are those of the network, before memory is allocated for the network.</summary>
    /// <param name="weights">The weights, of which there may be more, in more tensors.</param>
    /// <param name="config">The file that describes the network.</param>
    /// <param name="create">Creates the network.</param>
    /// <param name="compare">Compares the network's tensors with the weights, and names what differs.</param>
    /// <exception cref="InvalidDataException">There are fewer weights than parameters, or others.</exception>
    public static void CheckSize<TModule>(ISafetensorsReader weights, string config, Func<TModule> create, Action<TModule> compare)
        where TModule : torch.nn.Module
    {
        // From the bytes, which the file really has: a product of dimensions could overflow.
        Int128 found = 0;
        foreach (SafetensorsInfo tensor in weights.Tensors.Values)
            found += tensor.Bytes / SafetensorsTypes.SizeOf(tensor.Type);
        try
        {
            ModuleWeights.CheckFits(
                (long)Int128.Min(found * sizeof(float), long.MaxValue), weights.Tensors.Count, create, compare, TooLarge);
        }
        catch (OverflowException)
        {
            throw TooLarge(null);
        }

        InvalidDataException TooLarge(string? difference) => new(
            $"'{weights.Source}' has {found:N0} elements; the network of '{config}' has more "
            + $"parameters{(difference is null ? "." : $": {difference}")}");
    }

    /// <summary>Copies weights into tensors of a network, converting floating-point types.</summary>
    /// <param name="weights">The weights.</param>
    /// <param name="destinations">Every tensor of the network, under the file's name for it. Views are allowed.</param>
    /// <param name="isIgnored">Names of tensors in the file that the network does not need. Default: none.</param>
    /// <param name="acceptsPointwiseConvolutions">Whether a matrix may be stored as the kernel of a 1 × 1 convolution.</param>
    /// <exception cref="InvalidDataException">
    /// Tensors are missing, unexpected or of another type or shape; the message names them, and nothing has been copied.
    /// </exception>
    public static void CopyWeights(
        ISafetensorsReader weights, IReadOnlyDictionary<string, torch.Tensor> destinations, Predicate<string>? isIgnored = null,
        bool acceptsPointwiseConvolutions = false)
    {
        CheckWeights(weights, destinations, isIgnored, acceptsPointwiseConvolutions);
        using IDisposable noGradient = torch.no_grad();
        foreach ((string name, torch.Tensor destination) in destinations)
        {
            // One at a time, so that no second copy of all weights is in memory.
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor read = torch.empty(weights.Tensors[name].Shape, weights.Tensors[name].Type);
            weights.ReadInto(new Dictionary<string, torch.Tensor> { [name] = read });
            destination.copy_(read.view(destination.shape));
        }
    }

    /// <summary>Checks weights against tensors of a network, which need no memory.</summary>
    /// <inheritdoc cref="CopyWeights" path="/param"/>
    /// <exception cref="InvalidDataException">
    /// Tensors are missing, unexpected or of another type or shape; the message names them.
    /// </exception>
    public static void CheckWeights(
        ISafetensorsReader weights, IReadOnlyDictionary<string, torch.Tensor> destinations, Predicate<string>? isIgnored = null,
        bool acceptsPointwiseConvolutions = false)
    {
        ModuleWeights.Check(weights, destinations, Fits, isIgnored ?? (_ => false));

        bool Fits(SafetensorsInfo found, torch.Tensor tensor) => found.Type.IsFloat()
            && (found.Shape.AsSpan().SequenceEqual(tensor.shape)
                || (acceptsPointwiseConvolutions && tensor.dim() == 2 && found.Shape.AsSpan().SequenceEqual([.. tensor.shape, 1, 1])));
    }

    // The largest: beside the weights, there may be a tokenizer or the state of a training in such files.
    private string? FindPickle() =>
        new DirectoryInfo(Path).EnumerateFiles().Where(file => IsPickle(file.Name)).MaxBy(file => file.Length)?.Name;

    private FileNotFoundException Missing(string what, string file) =>
        new($"The folder '{Path}' has {what}: it is not a model in the layout of {_layout}.", PathOf(file));
}
