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
        foreach ((OperandType kind, int token) in MethodCode.Tokens(code))
        {
            if (kind == OperandType.InlineMethod)
                yield return Definition(method.Module.ResolveMethod(token, ofType, ofMethod)!);
        }
    }

    private static bool MakesScalar(MethodBase method) =>
        (method.DeclaringType == typeof(Scalar) && method.Name == "op_Implicit") || method.Name == "ToScalar";

    private static MethodBase Definition(MethodBase method) =>
        method is MethodInfo { IsGenericMethod: true } generic ? generic.GetGenericMethodDefinition() : method;
}
