"""Takes the place of pw.x, xspectra.x and ld1.x, by the name it is called by.

Reads their inputs by Fortran's rules and writes, in their layouts, total energies that tell where
the hole is, and a spectrum whose peak tells it too and whose height tells the polarisation. The
name of the folder it stands in says in which way it fails; in a folder called "replay" it writes
instead the recorded files of the folder "recorded" beside it.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
MODE, PROGRAM = HERE.name, pathlib.Path(__file__).name
HARTREE_EV = 27.211386
SAVE = pathlib.Path("out/pwscf.save")


def namelists(text):
    """Keywords of all namelists by name, and the lines that follow the last one."""
    found, end = {}, 0
    for block in re.finditer(r"&(\w+)\n(.*?)\n */ *(?=\n|$)", text, re.DOTALL):
        pairs = re.findall(r"([\w()]+)\s*=\s*('[^']*'|[^\s,]+)", block.group(2))
        found[block.group(1).lower()] = {key.lower(): value.strip("'") for key, value in pairs}
        end = block.end()
    return found, [line.split() for line in text[end:].splitlines() if line.strip()]


def stop(routine, message):
    line = " " + "%" * 78
    print(f"{line}\n     Error in routine {routine} (1):\n     {message}\n{line}\n\n  stopping ...")
    sys.exit(1)


def ld1(text):
    keywords, _ = namelists(text)
    print("     Program LD1 v.6.7MaX starts")
    if MODE == "no pseudopotential":
        stop("compute_phi", "convergence problem")
    name = keywords["inputp"]["file_pseudopw"]
    orbital = (
        '<PP_GIPAW_CORE_ORBITAL.1 size="3" label="1S" n="1.0">\n 0.1 0.2\n 0.3\n'
        "</PP_GIPAW_CORE_ORBITAL.1>\n"
    )
    pathlib.Path(name).write_text(f"<PP_R>\n 1.0 2.0\n 3.0\n</PP_R>\n{orbital}")


def pw(text):
    keywords, cards = namelists(text)
    system = keywords["system"]
    start = {line[0]: i for i, line in enumerate(cards)}
    atoms = cards[start["ATOMIC_POSITIONS"] + 1 :][: int(system["nat"])]
    kinds = cards[start["ATOMIC_SPECIES"] + 1 :][: int(system["ntyp"])]
    for _, _, file in kinds:
        if not (pathlib.Path(keywords["control"]["pseudo_dir"]) / file).is_file():
            stop("readpp", f"file {file} not found")
    places = [tuple(map(float, atom[1:])) for atom in atoms]
    for i, one in enumerate(places):
        for j, other in enumerate(places[:i]):
            if sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) < 1.0:
                stop("check_atoms", f"atoms # {j + 1:3d} and # {i + 1:3d} overlap!")
    hole = [place for atom, place in zip(atoms, places, strict=True) if atom[0] == kinds[0][0]]
    excited = kinds[0][2].endswith(".star1s.UPF")
    if excited != (float(system["tot_charge"]) == 1.0) or (excited and len(hole) != 1):
        stop("stand_in", "one hole, and one electron less with it")
    if MODE == "hang":
        child = subprocess.Popen(["sleep", "600"])
        pathlib.Path("child.pid").write_text(str(child.pid))
        child.wait()
    if MODE == "full":
        print("write error: No space left on device")
        sys.exit(1)
    if MODE == "no convergence" and excited:
        print("     convergence NOT achieved after 100 iterations: stopping")
        sys.exit(2)
    SAVE.mkdir(parents=True)
    target = SAVE / "data-file-schema.xml"
    if MODE == "replay":
        shutil.copy(HERE / "recorded" / ("hole.xml" if excited else "ground.xml"), target)
    else:
        raw = hole[0][0] + 2 * hole[0][1] + 3 * hole[0][2] if excited else 0.0
        total_eV, fermi_eV = (-200.0 + raw, 2.0) if excited else (-60.0, 5.0)
        bands_eV = (fermi_eV - 3, fermi_eV + 1.0, fermi_eV + 4.0)
        if MODE == "no empty band":
            bands_eV = bands_eV[:1]
        flag = "false" if MODE == "not converged" else "true"
        target.write_text(
            "<espresso><output><convergence_info><scf_conv><convergence_achieved>"
            f"{flag}</convergence_achieved></scf_conv></convergence_info><total_energy><etot>"
            f"{total_eV / HARTREE_EV:.12e}</etot></total_energy><band_structure><fermi_energy>"
            f"{fermi_eV / HARTREE_EV:.12e}</fermi_energy><ks_energies><eigenvalues>"
            f"{' '.join(format(e / HARTREE_EV, '.12e') for e in bands_eV)}</eigenvalues>"
            "</ks_energies></band_structure></output></espresso>"
        )
        if MODE == "cut off" and excited:
            target.write_text(target.read_text()[:200])
        (SAVE / "hole.json").write_text(json.dumps(raw))
    print("=------=\n   JOB DONE.\n=------=")


def xspectra(text):
    keywords, _ = namelists(text)
    main, plot = keywords["input_xspectra"], keywords["plot"]
    if not pathlib.Path(keywords["pseudos"]["filecore"]).is_file():
        print("ERROR reading the core wavefunction file")
        sys.exit(0)
    polarisation = [float(main[f"xepsilon({i})"]) for i in (1, 2, 3)]
    number = polarisation.index(1.0) + 1
    target = pathlib.Path("xanes.dat")
    if MODE == "replay":
        shutil.copy(HERE / "recorded" / f"xanes-{number}.dat", target)
    else:
        raw = json.loads((SAVE / "hole.json").read_text())
        points, start, end = (float(plot[key]) for key in ("xnepoint", "xemin", "xemax"))
        if MODE == "short" and number == 2:
            points //= 2
        lines = [
            "# Final state angular momentum:   1",
            f"# Broadening parameter (in eV):{float(plot['xgamma']):9.3f}",
            "# Absorbing atom type (xiabs):   1",
            "# Energy (eV)   sigma",
        ]
        for j in range(int(points)):
            energy = start + j * (end - start) / (points - 1)
            sigma = 0.01 * number / ((energy - 3.0 - raw) ** 2 + 1.0)
            lines.append(f"{energy:14.8f}{sigma:14.8f}")
        if MODE != "nothing" and not (MODE == "partial" and 1.0 < raw < 2.0 and number == 3):
            target.write_text("\n".join(lines) + "\n")
    if MODE == "lanczos":
        print("        !   XANES not converged after   2000 iterations")
    print("                                 END JOB XSpectra")


if __name__ == "__main__":
    if PROGRAM == "pw.x":
        print("\n     Program PWSCF v.6.7MaX starts on 25Nov2026 at 10:14:58", flush=True)
    if len(sys.argv) > 1:
        source = pathlib.Path(sys.argv[sys.argv.index("-in") + 1]).read_text()
        {"pw.x": pw, "xspectra.x": xspectra, "ld1.x": ld1}[PROGRAM](source)
