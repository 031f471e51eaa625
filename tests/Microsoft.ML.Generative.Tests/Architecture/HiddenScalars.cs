using System.Reflection;
using System.Reflection.Emit;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests.Architecture;

/// <summary>
/// Finds the methods of TorchSharp that make an object of a number, hand its native memory to libtorch and let go of it: another thread's
/// garbage collection may free it before libtorch has read it.
/// </summary>
internal static class HiddenScalars
{
    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<int, OpCode> _opCodes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => (int)(ushort)code.Value);

    /// <summary>The methods of TorchSharp's tensors and functions that do so, or call another that does.</summary>
    public static IReadOnlySet<MethodBase> Find()
    {
        Dictionary<MethodBase, MethodBase[]> calls = MethodsOf(typeof(torch).Assembly)
            .Where(method => method.DeclaringType!.FullName!.StartsWith("TorchSharp.torch", StringComparison.Ordinal))
            .ToDictionary(method => method, method => CallsOf(method).ToArray());
        // What disposes of its number keeps it until then.
        HashSet<MethodBase> found = [.. calls
            .Where(pair => pair.Value.Any(MakesScalar) && pair.Value.All(call => call.Name != nameof(IDisposable.Dispose)))
            .Select(pair => pair.Key)];
        for (int before = 0; before != found.Count;)
        {
            before = found.Count;
            found.UnionWith([.. calls.Where(pair => pair.Value.Any(found.Contains)).Select(pair => pair.Key)]);
        }

        return found;
    }

    /// <summary>The methods of an assembly with a body.</summary>
    public static IEnumerable<MethodBase> MethodsOf(Assembly assembly) => assembly.GetTypes()
        .SelectMany(type => (MethodBase[])[.. type.GetMethods(All), .. type.GetConstructors(All)])
        .Where(method => method.GetMethodBody() is not null);

    /// <summary>The methods that a method calls, generic ones as they are defined.</summary>
    public static IEnumerable<MethodBase> CallsOf(MethodBase method)
    {
        byte[] code = method.GetMethodBody()!.GetILAsByteArray()!;
        Type[]? ofType = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        Type[]? ofMethod = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (int at = 0; at < code.Length;)
        {
            int value = code[at++];
            if (value == 0xFE)
                value = 0xFE00 | code[at++];
            OpCode operation = _opCodes[value];
            if (operation.OperandType == OperandType.InlineMethod)
                yield return Definition(method.Module.ResolveMethod(BitConverter.ToInt32(code, at), ofType, ofMethod)!);
            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }
    }

    private static bool MakesScalar(MethodBase method) =>
        (method.DeclaringType == typeof(Scalar) && method.Name == "op_Implicit") || method.Name == "ToScalar";

    private static MethodBase Definition(MethodBase method) =>
        method is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericMethodDefinition() : method;
}
