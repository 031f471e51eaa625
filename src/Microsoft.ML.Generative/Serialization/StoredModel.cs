using System.Runtime.InteropServices;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Serialization;

/// <summary>A saved model whose definition has been read, and whose components can be read one by one.</summary>
internal sealed class StoredModel<TDefinition>
    where TDefinition : IModelDefinition<TDefinition>
{
    private readonly ModelEntries.TryLoad _load;
    private readonly Dictionary<string, ComponentNote>? _notes;
    private readonly string? _oldWeights;

    /// <param name="load">Opens entries.</param>
    /// <param name="definition">The definition, which is checked here.</param>
    /// <param name="notes">What the file says of its components; <see langword="null"/> for files of the first formats.</param>
    /// <param name="oldWeights">The one entry of all weights in files of the first formats.</param>
    /// <exception cref="InvalidDataException">The definition contradicts itself, or the file has other components.</exception>
    public StoredModel(ModelEntries.TryLoad load, TDefinition definition, ComponentNote[]? notes, string? oldWeights)
    {
        (_load, Definition, _oldWeights) = (load, definition, oldWeights);
        ModelFile.Check(definition.Validate);
        if (notes is null)
            return;
        _notes = [];
        foreach (ComponentNote note in notes)
        {
            if (!_notes.TryAdd(note.Name, note))
                throw Bad($"names the component {Quoted.Text(note.Name)} twice");
            if (!definition.Components.Any(c => c.Name == note.Name))
            {
                throw Bad(
                    $"names the component {Quoted.Text(note.Name)}; supported values: "
                    + $"{string.Join(", ", definition.Components.Select(c => c.Name))}");
            }
        }

        foreach (Component component in definition.Components)
        {
            if (!_notes.TryGetValue(component.Name, out ComponentNote? note))
                throw Bad($"does not name the component '{component.Name}'");
            if (note.Kind != component.Kind)
                throw Bad($"says that the component '{component.Name}' is {note.Kind}; expected {component.Kind}");
            if (note.Sha256 is null != (note.Kind != ComponentKind.Frozen))
                throw Bad($"has {(note.Sha256 is null ? "no" : "a")} SHA-256 of the component '{component.Name}', which is {note.Kind}");
        }
    }

    public TDefinition Definition { get; }

    /// <summary>
    /// Creates a component's module and copies its weights into it. The names and shapes of the tensors are compared first, so that a
    /// definition cannot ask for more memory than the file is large.
    /// </summary>
    /// <exception cref="InvalidDataException">
    /// The weights are missing or damaged, or are not those of the module; the message names the entry.
    /// </exception>
    public TModule Read<TModule>(Component<TModule> component)
        where TModule : torch.nn.Module
    {
        string entry = _oldWeights ?? component.Entry;
        CheckFrozen(component);
        TModule? module = null;
        try
        {
            ModelEntries.ReadEntry(_load, entry, (stream, length) =>
            {
                ISafetensorsReader file = PartOf(component, new SafetensorsStream(stream, entry, length));
                CheckFits(component, file);
                // In its own scope: the initial weights are overwritten, and must not disturb others that sample meanwhile.
                module = TorchSeed.Initialize(0, component.Create);
                ModuleWeights.Load(module, file);
            });
            return module!;
        }
        catch
        {
            module?.Dispose();
            throw;
        }
    }

    /// <summary>Reads a further file of the model.</summary>
    /// <exception cref="InvalidDataException">The entry is missing, damaged, or longer than is allowed.</exception>
    public byte[] ReadFile(string name, int maxBytes)
    {
        byte[] bytes = [];
        ModelEntries.ReadEntry(_load, name, (stream, _) => bytes = BoundedRead.All(stream, name, maxBytes));
        return bytes;
    }

    // A frozen component is known by its hash, and a file may once leave its weights where they are.
    private void CheckFrozen(Component component)
    {
        if (_notes?[component.Name].Sha256 is not { } noted)
            return;
        string? found = ModelEntries.FindHash(_load, component.Entry);
        if (found is null)
        {
            throw Bad(
                $"names the frozen component '{component.Name}' by its SHA-256 {Quoted.Text(noted)} alone, without weights in the file, "
                + "which is not supported");
        }

        if (found != noted)
        {
            throw Bad(
                $"names the frozen component '{component.Name}' by the SHA-256 {Quoted.Text(noted)}, and '{component.Entry}' has "
                + $"{Quoted.Text(found)}");
        }
    }

    // In the one entry of the first formats, a component's tensors begin with its name, unless it is the only one.
    private ISafetensorsReader PartOf(Component component, SafetensorsStream file)
    {
        if (_oldWeights is null || Definition.Components.Count == 1)
            return file;
        string[] prefixes = [.. Definition.Components.Select(PrefixOf)];
        if (file.Tensors.Keys.FirstOrDefault(
            name => !prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal))) is { } other)
            throw new InvalidDataException($"'{_oldWeights}' has the unexpected tensor {Quoted.Text(other)}.");
        return new SafetensorsPart(file, PrefixOf(component));
    }

    private static string PrefixOf(Component component) => component.Name + ".";

    private static void CheckFits<TModule>(Component<TModule> component, ISafetensorsReader file)
        where TModule : torch.nn.Module
    {
        long bytes = file.Tensors.Values.Sum(tensor => tensor.Bytes);
        try
        {
            ModuleWeights.CheckFits(
                bytes, file.Tensors.Count, component.Create, shapes => ModuleWeights.CheckFits(shapes, file),
                difference => new InvalidDataException(
                    $"'{file.Source}' holds {bytes} bytes of tensors; the network of '{ModelEntries.Config}' has "
                    + $"more{(difference is null ? "." : $": {difference}")}"));
        }
        catch (Exception e) when (e is OverflowException or ArgumentException or ExternalException)
        {
            throw new InvalidDataException($"The network of '{ModelEntries.Config}' cannot be created: {Quoted.Message(e)}", e);
        }
    }

    private static InvalidDataException Bad(string problem) => new($"'{ModelEntries.Config}' {problem}.");
}
