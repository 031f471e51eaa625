using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>What a network has learned, as named tensors, and the way back.</summary>
internal static class ModuleWeights
{
    private const int NamesShown = 10;

    // Room for what a file lacks, beside a multiple of what it has.
    private const long MostMissingBytes = 1 << 24;
    private const int MostMissingTensors = 1024;

    /// <summary>
    /// The parameters and persistent buffers under their dotted names, each once; a tied tensor stands under its first name.
    /// </summary>
    public static IReadOnlyList<(string Name, torch.Tensor Tensor)> Of(torch.nn.Module module)
    {
        TorchRuntime.EnsureLoaded();
        var seen = new HashSet<nint>();
        IEnumerable<(string Name, torch.Tensor Tensor)> all =
        [
            .. module.named_parameters().Select(p => (p.name, (torch.Tensor)p.parameter)),
            .. module.named_buffers(include_nonpersistent: false),
        ];
        return [.. all.Where(t => seen.Add(t.Tensor.Handle))];
    }

    /// <summary>
    /// Copies a file's tensors over those of the network, in place, so that views of a flat parameter buffer stay views.
    /// The file has to have exactly the network's tensors, under their present names or former ones; nothing is copied unless it has.
    /// </summary>
    /// <exception cref="InvalidDataException">
    /// Tensors are missing, unexpected or of another type or shape; all kinds are listed.
    /// </exception>
    public static void Load(torch.nn.Module module, ISafetensorsReader file) => file.ReadInto(Match(module, file));

    /// <summary>Checks that a file has exactly the network's tensors, which need no memory.</summary>
    /// <inheritdoc cref="Load" path="/exception"/>
    public static void CheckFits(torch.nn.Module module, ISafetensorsReader file) => Match(module, file);

    /// <summary>Checks that a file has the network's tensors before memory is taken for the network.</summary>
    /// <param name="bytes">The bytes that the file's tensors take in the network.</param>
    /// <param name="tensors">The file's tensors.</param>
    /// <param name="create">Creates the network.</param>
    /// <param name="compare">Compares the network with the file, and names what differs.</param>
    /// <param name="tooLarge">
    /// Makes the error of a network with more elements than the file, from the comparison's message if there is one.
    /// </param>
    /// <exception cref="InvalidDataException">The network has more elements than the file, or the comparison failed.</exception>
    public static void CheckFits<TModule>(
        long bytes, int tensors, Func<TModule> create, Action<TModule> compare, Func<string?, InvalidDataException> tooLarge)
        where TModule : torch.nn.Module
    {
        try
        {
            using TModule shapes = ModuleTensors.WithoutMemory(bytes, tensors, create);
            compare(shapes);
            return;
        }
        catch (ModuleTooLargeException)
        {
        }

        // Where a few tensors are missing, their names help; where all sizes are others, they do not.
        string? difference = null;
        try
        {
            using TModule shapes = ModuleTensors.WithoutMemory(
                bytes > long.MaxValue / 8 ? long.MaxValue : 4 * bytes + MostMissingBytes, 4 * tensors + MostMissingTensors, create);
            compare(shapes);
        }
        catch (InvalidDataException e)
        {
            difference = e.Message;
        }
        catch (ModuleTooLargeException)
        {
        }

        throw tooLarge(difference);
    }

    private static Dictionary<string, torch.Tensor> Match(torch.nn.Module module, ISafetensorsReader file)
    {
        Dictionary<string, torch.Tensor> tensors = Of(module).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        Dictionary<string, torch.Tensor> expected = UnderNamesOf(file.Tensors.Keys, name => PresentName(module, name), tensors);
        Check(file, expected, (found, tensor) => found.Fits(tensor), _ => false);
        return expected;
    }

    /// <summary>The present name of a tensor in a file, whose parts may have had other names: see <see cref="IFormerNames"/>.</summary>
    public static string PresentName(torch.nn.Module module, string name)
    {
        string[] parts = name.Split('.');
        torch.nn.Module? parent = module;
        for (int i = 0; i < parts.Length && parent is not null; i++)
        {
            if (parent is IFormerNames { FormerNames: { } former } && former.TryGetValue(parts[i], out string? present))
                parts[i] = present;
            parent = parent.named_children().FirstOrDefault(child => child.name == parts[i]).module;
        }

        return string.Join('.', parts);
    }

    /// <summary>Lets a network share the memory of another of the same architecture, which may be disposed of before it.</summary>
    /// <param name="source">The other network.</param>
    /// <param name="destination">The network, on the same device. It keeps its tensors, with the other's memory.</param>
    /// <exception cref="ArgumentException">The networks differ.</exception>
    public static void Share(torch.nn.Module source, torch.nn.Module destination)
    {
        IReadOnlyList<(string Name, torch.Tensor Tensor)> from = Of(source), to = Of(destination);
        if (!from.Select(t => t.Name).SequenceEqual(to.Select(t => t.Name)))
            throw new ArgumentException("The networks have different tensors.");
        foreach (var (own, other) in from.Zip(to))
            Share(own.Tensor, other.Tensor);
    }

    /// <summary>Lets a tensor share the memory, and the shape, of another.</summary>
    public static void Share(torch.Tensor source, torch.Tensor destination)
    {
        using IDisposable noGradient = torch.no_grad();
        using torch.Tensor values = source.detach();
        destination.set_(values);
    }

    /// <summary>Copies all tensors of a network into another of the same architecture.</summary>
    /// <exception cref="ArgumentException">The networks differ.</exception>
    public static void Copy(torch.nn.Module source, torch.nn.Module destination)
    {
        using IDisposable noGradient = torch.no_grad();
        IReadOnlyList<(string Name, torch.Tensor Tensor)> from = Of(source), to = Of(destination);
        if (!from.Select(Describe).SequenceEqual(to.Select(Describe)))
            throw new ArgumentException("The networks have different tensors.");
        foreach (var (own, other) in from.Zip(to))
            other.Tensor.copy_(own.Tensor);

        static string Describe((string Name, torch.Tensor Tensor) t) =>
            $"{t.Name} {SafetensorsTypes.Describe(t.Tensor.dtype, t.Tensor.shape)}";
    }

    /// <summary>Copies the tensors that a network has from another, which may have more.</summary>
    public static void CopyShared(torch.nn.Module source, torch.nn.Module destination)
    {
        using IDisposable noGradient = torch.no_grad();
        Dictionary<string, torch.Tensor> tensors = Of(source).ToDictionary(t => t.Name, t => t.Tensor, StringComparer.Ordinal);
        foreach ((string name, torch.Tensor tensor) in Of(destination))
            tensor.copy_(tensors[name]);
    }

    /// <summary>Tensors under the names that a file has for them.</summary>
    /// <param name="names">The file's names.</param>
    /// <param name="presentName">The present name for each of these.</param>
    /// <param name="tensors">The tensors under their present names; those that the file lacks keep them.</param>
    public static Dictionary<string, torch.Tensor> UnderNamesOf(
        IEnumerable<string> names, Func<string, string> presentName, IReadOnlyDictionary<string, torch.Tensor> tensors)
    {
        HashSet<string> found = new(names, StringComparer.Ordinal);
        var former = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string name in found)
            former.TryAdd(presentName(name), name);
        return tensors.ToDictionary(
            t => found.Contains(t.Key) ? t.Key : former.GetValueOrDefault(t.Key, t.Key), t => t.Value, StringComparer.Ordinal);
    }

    /// <summary>That a file has the tensors expected and no others but those that are ignored.</summary>
    /// <exception cref="InvalidDataException">Tensors are missing, unexpected or do not fit; all kinds are listed.</exception>
    public static void Check(
        ISafetensorsReader file,
        IReadOnlyDictionary<string, torch.Tensor> expected,
        Func<SafetensorsInfo, torch.Tensor, bool> fits,
        Predicate<string> isIgnored)
    {
        string?[] problems =
        [
            List("missing", [.. expected.Keys.Where(name => !file.Tensors.ContainsKey(name))]),
            List(
                "unexpected",
                [.. file.Tensors.Keys.Where(name => !expected.ContainsKey(name) && !isIgnored(name)).Select(name => Quoted.Text(name))]),
            List("of another type or shape", [.. file.Tensors.Values.Select(Difference).OfType<string>()]),
        ];

        if (problems.Any(p => p is not null))
        {
            throw new InvalidDataException(
                $"The tensors in '{file.Source}' are not those of the network, which has {expected.Count}: "
                + $"{string.Join("; ", problems.OfType<string>())}.");
        }

        string? Difference(SafetensorsInfo found) => expected.TryGetValue(found.Name, out torch.Tensor? tensor) && !fits(found, tensor)
            ? $"{Quoted.Text(found.Name)} (found {found.Describe()}, expected {SafetensorsTypes.Describe(tensor.dtype, tensor.shape)})"
            : null;
    }

    private static string? List(string what, List<string> items) => items.Count == 0
        ? null
        : $"{items.Count} {what}: {string.Join(", ", items.Take(NamesShown))}{(items.Count > NamesShown ? ", …" : "")}";
}
